/**
 * The words of `disk resize` and `disk set`.
 *
 * @module
 */

import { usage } from "../errors.ts";
import type {
  DiskResize,
  DiskSet,
  NewMediumWish,
} from "../operation/request.ts";
import {
  type IoLimits,
  LIMIT_NAMES,
  limitsFault,
  MAX_LIMIT,
} from "../qmp/io_limits.ts";
import type { Invocation } from "../commands/args.ts";
import { option, path } from "../words/request_words.ts";
import * as check from "../words/values.ts";

/** A word that selects a device. @throws {HotplugError} `usage` */
export function deviceWord(text: string): string {
  return check.shortText({ option: "DEVICE", text });
}

/**
 * The limits among the options, undefined if there are none.
 *
 * @throws {HotplugError} `usage`
 */
export function limitsOf(invocation: Invocation): IoLimits | undefined {
  const given = LIMIT_NAMES.flatMap((name) => {
    const bounds = { min: 0, max: MAX_LIMIT };
    const value = option(
      invocation,
      name,
      (word) =>
        name.startsWith("bps")
          ? check.sizeBytes(word, bounds)
          : check.wholeNumber(word, { min: 0, max: 999_999_999 }),
    );
    return value === undefined ? [] : [[name, value]];
  });
  if (given.length === 0) return undefined;
  const limits: IoLimits = Object.fromEntries(given);
  const fault = limitsFault(limits);
  if (fault === undefined) return limits;
  throw usage(`Cannot limit a disk so: ${fault}`);
}

/** Reads `disk resize`. @throws {HotplugError} `usage` */
export function diskResize(
  { operands, flags }: Invocation,
  instance: string,
): DiskResize {
  const [, device = "", size] = operands;
  const word = (text: string) => ({ option: "SIZE", text });
  return {
    kind: "disk-resize",
    instance,
    device: deviceWord(device),
    sizeBytes: size === undefined
      ? undefined
      : check.sizeBytes(word(size), { min: 1 }),
    fileGrowth: flags.has("grow") ? "allowed" : "refused",
  };
}

/** What is to lie in the drive; `none` is no file: `./none` is. */
function mediumOf(invocation: Invocation): NewMediumWish | undefined {
  const { flags } = invocation;
  const given = option(
    invocation,
    "medium",
    (word) => word.text === "none" ? null : path(word),
  );
  if (given === undefined) return undefined;
  return {
    path: given,
    lock: flags.has("force") ? "forced" : "heeded",
    migratable: flags.has("not-migratable") ? "not-needed" : "required",
  };
}

/** Reads `disk set`. @throws {HotplugError} `usage` */
export function diskSet(invocation: Invocation, instance: string): DiskSet {
  const limits = limitsOf(invocation);
  const medium = mediumOf(invocation);
  const device = deviceWord(invocation.operands[1] ?? "");
  if (limits === undefined && medium === undefined) {
    throw usage(
      "disk set needs an option that says what to change",
      ["medium", ...LIMIT_NAMES].map((name) => `--${name}`).join(", "),
    );
  }
  if (limits !== undefined && medium !== undefined) {
    throw usage("disk set changes either limits or the medium at a time");
  }
  return { kind: "disk-set", instance, device, limits, medium };
}
