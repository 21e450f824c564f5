/**
 * I/O limits of a disk, by the words of our command line, which are also the
 * words in our record and our documents.
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

/** A limit for both directions together, or for one. */
export type LimitName = keyof typeof THROTTLES;

/** Every {@linkcode LimitName}, in the order of the usage text. */
export const LIMIT_NAMES = Object.keys(THROTTLES) as LimitName[];

/** A missing limit means no limit. */
export type IoLimits = Readonly<Partial<Record<LimitName, number>>>;

/** THROTTLE_VALUE_MAX of QEMU's include/qemu/throttle.h. */
export const MAX_LIMIT = 1e15;

function collect(valueOf: (name: LimitName) => number | undefined): IoLimits {
  return Object.fromEntries(LIMIT_NAMES.flatMap((name) => {
    const value = valueOf(name) ?? 0;
    return value > 0 ? [[name, value]] : [];
  }));
}

/** The limits of a disk in QEMU. */
export function limitsIn(
  { throttles = {} }: Pick<BlockBackend, "throttles">,
): IoLimits {
  return collect((name) => throttles[THROTTLES[name]]);
}

/** The limits after a change; 0 removes a limit. */
export function mergeLimits(now: IoLimits, change: IoLimits): IoLimits {
  return collect((name) => change[name] ?? now[name]);
}

/** Whether two disks have the same limits. */
export function sameLimits(one: IoLimits, other: IoLimits): boolean {
  return LIMIT_NAMES.every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** Whether there is any limit. */
export function isLimited(limits: IoLimits): boolean {
  return Object.keys(limits).length > 0;
}

/** Arguments of `block_set_io_throttle`, which takes all six, without `id`. */
export function limitArguments(limits: IoLimits): Json {
  return Object.fromEntries(
    LIMIT_NAMES.map((name) => [THROTTLES[name], limits[name] ?? 0]),
  );
}

/**
 * Why QEMU would refuse limits, undefined if it accepts them: a limit for both
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
