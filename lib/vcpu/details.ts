/**
 * A processor in a few words.
 *
 * @module
 */

import type { DeviceView } from "../engine/plan.ts";

/** Its place and driver; falsy parts are left out. */
export function vcpuDetails(device: DeviceView): unknown[] {
  const part = (name: "socket" | "core" | "thread") =>
    typeof device[name] === "number" && `${name} ${device[name]}`;
  return [part("socket"), part("core"), part("thread"), device.driver];
}
