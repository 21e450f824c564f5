/**
 * I/O limits of a disk, by the words of our command line, which our record and
 * our documents have, too.
 *
 * @module
 */

import type { BlockBackend, Throttle } from "../qmp/commands.ts";
import type { Json } from "../qmp/message.ts";

/** QEMU's word for each limit: operations and bytes a second. */
const THROTTLES = {
  "iops": "iops",
  "iops-read": "iops_rd",
  "iops-write": "iops_wr",
  "bps": "bps",
  "bps-read": "bps_rd",
  "bps-write": "bps_wr",
} as const satisfies Readonly<Record<string, Throttle>>;

/** A limit of both directions together, or of one. */
export type LimitName = keyof typeof THROTTLES;

/** Every {@linkcode LimitName}, in the order of the usage text. */
export const LIMIT_NAMES = Object.keys(THROTTLES) as LimitName[];

/** What is not named is not limited. */
export type IoLimits = Readonly<Partial<Record<LimitName, number>>>;

/** THROTTLE_VALUE_MAX of QEMU's include/qemu/throttle.h. */
export const MAX_LIMIT = 1e15;

function collect(valueOf: (name: LimitName) => number | undefined): IoLimits {
  return Object.fromEntries(LIMIT_NAMES.flatMap((name) => {
    const value = valueOf(name) ?? 0;
    return value > 0 ? [[name, value]] : [];
  }));
}

/** The limits that QEMU has for a disk. */
export function limitsIn(
  { throttles = {} }: Pick<BlockBackend, "throttles">,
): IoLimits {
  return collect((name) => throttles[THROTTLES[name]]);
}

/** The limits after a change, in which 0 ends one. */
export function mergeLimits(now: IoLimits, change: IoLimits): IoLimits {
  return collect((name) => change[name] ?? now[name]);
}

/** Whether two disks are limited alike. */
export function sameLimits(one: IoLimits, other: IoLimits): boolean {
  return LIMIT_NAMES.every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** Whether anything is limited. */
export function isLimited(limits: IoLimits): boolean {
  return Object.keys(limits).length > 0;
}

/** Arguments of `block_set_io_throttle`, which takes all six, but for `id`. */
export function limitArguments(limits: IoLimits): Json {
  return Object.fromEntries(
    LIMIT_NAMES.map((name) => [THROTTLES[name], limits[name] ?? 0]),
  );
}

/**
 * Why QEMU would not take limits, undefined if it does: one for both
 * directions and one for a single direction exclude each other
 * (util/throttle.c, throttle_is_valid).
 */
export function limitsFault(limits: IoLimits): string | undefined {
  for (const both of ["iops", "bps"] as const) {
    const single = ([`${both}-read`, `${both}-write`] as const)
      .find((name) => limits[name]);
    if (limits[both] && single !== undefined) {
      return `${both} limits reads and writes together, so it cannot be combined with ${single}`;
    }
  }
  return undefined;
}
