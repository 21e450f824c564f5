/**
 * I/O limits of a disk, by the words of our command line, which our record and
 * our documents have, too.
 *
 * @module
 */

import type { BlockBackend, Throttle } from "../qmp/commands.ts";
import type { Json } from "../qmp/message.ts";

/** QEMU's word for each rate: operations and bytes a second. */
const RATES = {
  "iops": "iops",
  "iops-read": "iops_rd",
  "iops-write": "iops_wr",
  "bps": "bps",
  "bps-read": "bps_rd",
  "bps-write": "bps_wr",
} as const satisfies Readonly<Record<string, Throttle>>;

/** A rate of both directions together, or of one. */
export type RateName = keyof typeof RATES;

/** Every {@linkcode RateName}, in the order of the usage text. */
export const RATE_NAMES = Object.keys(RATES) as RateName[];

/**
 * A rate; the higher rate of a burst, and how many seconds a burst may last; or
 * the bytes that count as one operation.
 */
export type LimitName =
  | RateName
  | `${RateName}-max`
  | `${RateName}-max-length`
  | "iops-size";

/** QEMU's word for each limit. */
const THROTTLES = Object.fromEntries([
  ...Object.entries(RATES),
  ...Object.entries(RATES).map((
    [name, word],
  ) => [`${name}-max`, `${word}_max`]),
  ...Object.entries(RATES).map(([name, word]) => [
    `${name}-max-length`,
    `${word}_max_length`,
  ]),
  ["iops-size", "iops_size"],
]) as Readonly<Record<LimitName, Throttle>>;

/** Every {@linkcode LimitName}, in the order of the usage text. */
export const LIMIT_NAMES = Object.keys(THROTTLES) as LimitName[];

/** How a limit is said. */
export function limitUnit(name: LimitName): "number" | "bytes" | "seconds" {
  if (name.endsWith("-length")) return "seconds";
  return name.startsWith("bps") || name === "iops-size" ? "bytes" : "number";
}

/** What QEMU has where a limit was not given. */
export function noLimit(name: LimitName): number {
  return limitUnit(name) === "seconds" ? 1 : 0;
}

/** What is not named is not limited. */
export type IoLimits = Readonly<Partial<Record<LimitName, number>>>;

/** THROTTLE_VALUE_MAX of QEMU's include/qemu/throttle.h. */
export const MAX_LIMIT = 1e15;

function collect(valueOf: (name: LimitName) => number | undefined): IoLimits {
  return Object.fromEntries(LIMIT_NAMES.flatMap((name) => {
    const value = valueOf(name) ?? 0;
    return value > noLimit(name) ? [[name, value]] : [];
  }));
}

/** The limits that QEMU has for a disk. */
export function limitsIn(
  { throttles = {} }: Pick<BlockBackend, "throttles">,
): IoLimits {
  return collect((name) => throttles[THROTTLES[name]]);
}

/**
 * The limits after a change, in which 0 ends one. A burst goes with its rate,
 * its length with the burst, the size with the last rate of operations.
 */
export function mergeLimits(now: IoLimits, change: IoLimits): IoLimits {
  const all = collect((name) => change[name] ?? now[name]);
  const goes = (name: LimitName): boolean => {
    if (change[name] !== undefined) return false;
    if (name === "iops-size") return !hasIops(all);
    const above = /^(.*)-(?:max|length)$/.exec(name)?.[1] as LimitName;
    return above !== undefined && (all[above] === undefined || goes(above));
  };
  return collect((name) => goes(name) ? undefined : all[name]);
}

function hasIops(limits: IoLimits): boolean {
  return RATE_NAMES.some((name) => name.startsWith("iops") && limits[name]);
}

/** Whether two disks are limited alike. */
export function sameLimits(one: IoLimits, other: IoLimits): boolean {
  return LIMIT_NAMES.every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** Whether anything is limited. */
export function isLimited(limits: IoLimits): boolean {
  return Object.keys(limits).length > 0;
}

/**
 * Arguments of `block_set_io_throttle`, but for `id`: it needs all six rates,
 * and ends every other limit that is not in them.
 */
export function limitArguments(limits: IoLimits): Json {
  const isRate = (name: LimitName) => (RATE_NAMES as string[]).includes(name);
  return Object.fromEntries(
    LIMIT_NAMES.filter((name) => isRate(name) || limits[name] !== undefined)
      .map((name) => [THROTTLES[name], limits[name] ?? 0]),
  );
}

/** Why a rate and its burst do not go together. */
function burstFault(limits: IoLimits, name: RateName): string | undefined {
  const { [name]: rate = 0, [`${name}-max` as const]: burst = 0 } = limits;
  const { [`${name}-max-length` as const]: length = 1 } = limits;
  if (burst === 0) {
    return length > 1 ? `${name}-max-length needs ${name}-max` : undefined;
  }
  if (rate === 0) return `${name}-max needs ${name}`;
  if (burst < rate) return `${name}-max must not be below ${name}`;
  return burst * length > MAX_LIMIT
    ? `${name}-max is too high for a burst of ${length} s`
    : undefined;
}

/** Why limits exclude each other: of both directions, and of one. */
export function exclusiveFault(limits: IoLimits): string | undefined {
  for (const both of ["iops", "bps"] as const) {
    for (const end of ["", "-max"] as const) {
      const single = ([`${both}-read${end}`, `${both}-write${end}`] as const)
        .find((name) => limits[name]);
      if (limits[`${both}${end}`] && single !== undefined) {
        return `${both}${end} limits reads and writes together, so it cannot be combined with ${single}`;
      }
    }
  }
  return undefined;
}

/**
 * Why QEMU would not take limits, undefined if it does: some exclude each
 * other, and a burst is one of a rate (util/throttle.c, throttle_is_valid).
 */
export function limitsFault(limits: IoLimits): string | undefined {
  const fault = exclusiveFault(limits);
  if (fault !== undefined) return fault;
  if (limits["iops-size"] && !hasIops(limits)) {
    return "iops-size needs a limit of operations";
  }
  return RATE_NAMES.map((name) => burstFault(limits, name))
    .find((fault) => fault !== undefined);
}
