/**
 * What requests of several kinds read from a command line.
 *
 * @module
 */

import { resolve } from "@std/path/posix";
import { ID_SCHEMES } from "../device/device_id.ts";
import { usage } from "../errors.ts";
import type { Plug, UuidChoice } from "../operation/request.ts";
import type { Invocation } from "../commands/args.ts";
import * as check from "./values.ts";

/** Takes an option through its check, if it was given. */
export function option<T>(
  { values }: Invocation,
  name: string,
  convert: (word: check.Word) => T,
): T | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : convert({ option: name, text });
}

/** A flag and its `--no-` form. */
export function flag(
  { flags }: Invocation,
  name: string,
): "on" | "off" | undefined {
  if (flags.has(`no-${name}`)) return "off";
  return flags.has(name) ? "on" : undefined;
}

/** An absolute path; relative ones are taken from the working directory. */
export function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  try {
    return resolve(path);
  } catch {
    throw usage(
      `Cannot resolve ${
        JSON.stringify(path)
      }: the working directory is gone; give an absolute path`,
    );
  }
}

/** A path among the options or operands, made absolute. */
export function path(word: check.Word): string {
  return absolute(check.shortPath(word));
}

function uuidChoice(invocation: Invocation): UuidChoice {
  const given = option(invocation, "uuid", check.uuid);
  return given === undefined
    ? { value: crypto.randomUUID(), origin: "made" }
    : { value: given, origin: "given" };
}

/** What adding a disk and adding a NIC have in common. */
export function plug(
  invocation: Invocation,
): Omit<Plug, "instance" | "ganeti"> {
  return {
    uuid: uuidChoice(invocation),
    name: option(invocation, "name", check.shortText),
    driver: option(invocation, "driver", check.qemuId),
    slot: option(
      invocation,
      "slot",
      (word) => check.wholeNumber(word, { min: 0, max: 31 }),
    ),
    bus: option(invocation, "bus", check.qemuId),
    idScheme: option(
      invocation,
      "id-scheme",
      (word) => check.oneOf(word, ID_SCHEMES),
    ),
  };
}
