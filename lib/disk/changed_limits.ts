/**
 * The limits of a disk after a change, or why QEMU would not take them. Pure.
 *
 * @module
 */

import {
  exclusiveFault,
  type IoLimits,
  type LimitsFault,
  limitsFault,
  mergeLimits,
} from "../device/io_limits.ts";
import { type HotplugError, refuse } from "../errors.ts";

/** The refusal of limits of which only some were given now. */
function unfit(
  { why, names }: LimitsFault,
  limits: IoLimits,
  change: IoLimits,
): HotplugError {
  const kept = names.filter((name) =>
    change[name] === undefined && limits[name] !== undefined
  );
  const told = kept.map((name) => `; ${name} is kept: it is ${limits[name]}`);
  const ways = kept.map((name) =>
    name.endsWith("-max")
      ? `--${name} N, or --${name} 0 to remove it`
      : `--${name} N`
  ).join(", ");
  return refuse(
    `Cannot set these limits: ${why}${told.join("")}`,
    kept.length > 0 ? `to change it, too, add ${ways}` : undefined,
  );
}

/**
 * All limits after a change.
 *
 * @throws {HotplugError} `refused` if QEMU does not accept them together
 */
export function changedLimits(now: IoLimits, change: IoLimits): IoLimits {
  const limits = mergeLimits(now, change);
  const exclusive = exclusiveFault(limits);
  if (exclusive !== undefined) {
    const { why, both } = exclusive;
    throw refuse(
      `Cannot set these limits: ${why}`,
      `remove the old limit with --${both} 0, or with --${both}-read 0 --${both}-write 0`,
    );
  }
  const fault = limitsFault(limits);
  if (fault !== undefined) throw unfit(fault, limits, change);
  return limits;
}
