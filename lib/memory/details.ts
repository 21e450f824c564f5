/**
 * Memory in a few words.
 *
 * @module
 */

import type { DeviceView } from "../engine/plan.ts";
import { shortSize } from "../plan/details.ts";

/** How much it is, and its driver; falsy parts are left out. */
export function memoryDetails(device: DeviceView): unknown[] {
  const { size_bytes: size, requested_bytes: requested, driver } = device;
  const { plugged_bytes: plugged } = device;
  if (driver === "pc-dimm") return [shortSize(size), driver];
  return [
    shortSize(requested),
    plugged !== requested && plugged !== null &&
    `the guest has ${shortSize(plugged)}`,
    typeof size === "number" && `at most ${shortSize(size)}`,
    driver,
  ];
}

/** What an instance has in all: of the members that `list` tells. */
export function memoryTotal(
  { memory_bytes: bytes }: Readonly<Record<string, unknown>>,
): string | undefined {
  return typeof bytes === "number"
    ? `${shortSize(bytes)} of memory`
    : undefined;
}
