/**
 * I/O limits of a disk, by the words of our command line, which are also the
 * words in our record and our documents.
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

/** A rate for both directions together, or for one. */
export type RateName = keyof typeof RATES;

/** Every {@linkcode RateName}, in the order of the usage text. */
export const RATE_NAMES = Object.keys(RATES) as RateName[];

/**
 * A rate; the higher rate of a burst (`-max`) and the longest burst in seconds
 * (`-max-length`); or the bytes that count as one operation.
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

/** The unit of a limit. */
export function limitUnit(name: LimitName): "number" | "bytes" | "seconds" {
  if (name.endsWith("-length")) return "seconds";
  return name.startsWith("bps") || name === "iops-size" ? "bytes" : "number";
}

/** QEMU's value for a limit that was not given. */
export function noLimit(name: LimitName): number {
  return limitUnit(name) === "seconds" ? 1 : 0;
}

/**
 * A throttle group of QEMU: a word of ours, or the name that QEMU takes for a
 * single disk, which is a path.
 */
export const THROTTLE_GROUP = /^[\x21-\x7e]{1,255}$/;

/**
 * The name of a group that is given to an option. QEMU names the group of a
 * single disk after its device, so a name in the form of our device ids is
 * none.
 */
export const GROUP_NAME =
  /^(?!none$|(?:hot)?disk-)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A missing limit means no limit. */
export type IoLimits = Readonly<Partial<Record<LimitName, number>>>;

/** THROTTLE_VALUE_MAX of QEMU's include/qemu/throttle.h. */
export const MAX_LIMIT = 1e15;

function collect(valueOf: (name: LimitName) => number | undefined): IoLimits {
  return Object.fromEntries(LIMIT_NAMES.flatMap((name) => {
    const value = valueOf(name) ?? 0;
    return value > noLimit(name) ? [[name, value]] : [];
  }));
}

/** The limits of a disk in QEMU. */
export function limitsIn(
  { throttles = {} }: Pick<BlockBackend, "throttles">,
): IoLimits {
  return collect((name) => throttles[THROTTLES[name]]);
}

/**
 * The limits after a change; 0 removes a limit. A burst is removed with its
 * rate, its length with the burst, and the size with the last rate of
 * operations.
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

/** Whether two disks have the same limits. */
export function sameLimits(one: IoLimits, other: IoLimits): boolean {
  return LIMIT_NAMES.every((name) => (one[name] ?? 0) === (other[name] ?? 0));
}

/** Whether there is any limit. */
export function isLimited(limits: IoLimits): boolean {
  return Object.keys(limits).length > 0;
}

/**
 * Arguments of `block_set_io_throttle`, without `id`: the command takes all six
 * rates, and removes every other limit that is not given.
 */
export function limitArguments(limits: IoLimits): Json {
  const isRate = (name: LimitName) => (RATE_NAMES as string[]).includes(name);
  return Object.fromEntries(
    LIMIT_NAMES.filter((name) => isRate(name) || limits[name] !== undefined)
      .map((name) => [THROTTLES[name], limits[name] ?? 0]),
  );
}

/** Why limits cannot be set together. */
export interface LimitsFault {
  /** For people. */
  readonly why: string;
  /** The limits that it is about, given or missing. */
  readonly names: readonly LimitName[];
}

/**
 * Why QEMU would refuse a burst with its rate and its length; undefined if it
 * accepts them.
 */
function burstFault(limits: IoLimits, name: RateName): LimitsFault | undefined {
  const [max, long] = [`${name}-max`, `${name}-max-length`] as const;
  const { [name]: rate = 0, [max]: burst = 0, [long]: length = 1 } = limits;
  if (burst === 0) {
    if (length <= 1) return undefined;
    return { why: `${long} needs ${max}`, names: [long, max] };
  }
  if (rate === 0) return { why: `${max} needs ${name}`, names: [max, name] };
  if (burst < rate) {
    return { why: `${max} must not be below ${name}`, names: [max, name] };
  }
  if (burst * length <= MAX_LIMIT) return undefined;
  const why = `${max} is too high for ${long} ${length}`;
  return { why, names: [max, long] };
}

/**
 * Why limits exclude each other; undefined if they do not. A limit for both
 * directions and one for a single direction do.
 */
export function exclusiveFault(
  limits: IoLimits,
): LimitsFault & { readonly both: "iops" | "bps" } | undefined {
  for (const both of ["iops", "bps"] as const) {
    for (const end of ["", "-max"] as const) {
      const single = ([`${both}-read${end}`, `${both}-write${end}`] as const)
        .find((name) => limits[name]);
      const name = `${both}${end}` as const;
      if (limits[name] && single !== undefined) {
        const why =
          `${name} limits reads and writes together, so it cannot be combined with ${single}`;
        return { why, names: [name, single], both };
      }
    }
  }
  return undefined;
}

/**
 * Why QEMU would refuse limits, undefined if it accepts them: some exclude each
 * other, and a burst needs a rate (util/throttle.c, throttle_is_valid).
 */
export function limitsFault(limits: IoLimits): LimitsFault | undefined {
  const fault = exclusiveFault(limits);
  if (fault !== undefined) return fault;
  if (limits["iops-size"] && !hasIops(limits)) {
    const why = "iops-size needs a limit of operations";
    return { why, names: ["iops-size"] };
  }
  return RATE_NAMES.map((name) => burstFault(limits, name))
    .find((fault) => fault !== undefined);
}
