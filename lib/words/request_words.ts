/**
 * Common parts of requests of several kinds, read from a command line.
 *
 * @module
 */

import * as check from "./values.ts";
import { resolve } from "@std/path/posix";
import { usage } from "../errors.ts";
import type { AmountOption, Invocation } from "./options.ts";

/** Reads an option by its check, if it was given. */
export function option<T>(
  { values }: Invocation,
  name: string,
  convert: check.Reader<T>,
): T | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : convert({ option: name, text });
}

/** How a number is read; seconds become milliseconds. */
const READERS = {
  number: check.wholeNumber,
  bytes: check.sizeBytes,
  seconds: check.secondsAsMs,
};

/** Reads an option that is a number, if it was given. */
export function amount(
  invocation: Invocation,
  { name, amount }: AmountOption,
): number | undefined {
  return option(invocation, name, READERS[amount.unit](amount));
}

/** Reads an option that is one of a few words, if it was given. */
export function choice<W extends string>(
  invocation: Invocation,
  name: string,
  words: readonly W[],
): W | undefined {
  return option(invocation, name, check.oneOf(words));
}

/** An option for which the value `none` means null. */
export function orNone<T>(
  invocation: Invocation,
  name: string,
  convert: check.Reader<T>,
): T | null | undefined {
  const given = (word: check.Word) =>
    word.text === "none" ? null : convert(word);
  return option(invocation, name, given);
}

/** A flag and its `--no-` form. */
export function flag(
  { flags }: Invocation,
  name: string,
): "on" | "off" | undefined {
  if (flags.has(`no-${name}`)) return "off";
  return flags.has(name) ? "on" : undefined;
}

/** An absolute path; a relative one starts at the working directory. */
export function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  try {
    return resolve(path);
  } catch {
    throw usage(
      `Cannot resolve ${
        JSON.stringify(path)
      }: the working directory was deleted; give an absolute path`,
    );
  }
}

/** A path among the options or operands, made absolute. */
export function path(word: check.Word): string {
  return absolute(check.shortPath(word));
}

/** A word that selects a device. @throws {HotplugError} `usage` */
export function deviceWord(text: string): string {
  const word = { option: "DEVICE", text };
  return text.startsWith("/") ? check.shortPath(word) : check.shortText(word);
}
