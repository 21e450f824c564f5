/**
 * A processor in a few words.
 *
 * @module
 */

import type { DeviceView } from "../engine/plan.ts";
import { sayCount } from "./places.ts";

/** Its place and driver; falsy parts are left out. */
export function vcpuDetails(device: DeviceView): unknown[] {
  const part = (name: "socket" | "core" | "thread") =>
    typeof device[name] === "number" && `${name} ${device[name]}`;
  return [part("socket"), part("core"), part("thread"), device.driver];
}

/** What an instance has in all: of the members that `list` tells. */
export function vcpuTotal(
  { vcpus }: Readonly<Record<string, unknown>>,
): string | undefined {
  return typeof vcpus === "number" ? sayCount(vcpus) : undefined;
}
