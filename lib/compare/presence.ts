/**
 * Does QEMU have what is recorded? As deep as all instances of a node can be
 * looked at together.
 *
 * @module
 */

import { absence } from "../plan/compare_entry.ts";
import { nameOfEntry } from "../plan/difference.ts";
import type { Difference } from "../plan/difference.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { titleOf } from "../device/select.ts";
import { devicesOf, type Runtime } from "../state/runtime.ts";
import { commandLine, type InstancePaths } from "../state/instance.ts";

/**
 * The recorded devices that QEMU does not have. Pure.
 *
 * @param paths for the hint
 */
export function comparePresence(
  runtime: Pick<Runtime, "disks" | "nics">,
  qemu: Pick<QemuFacts, "deviceIds" | "block">,
  paths: Pick<InstancePaths, "name" | "reachedBy">,
): Difference[] {
  return devicesOf(runtime).flatMap((entry) => {
    const code = absence(entry, qemu);
    if (code !== "not-in-qemu") return [];
    const device = nameOfEntry(entry);
    const what = `${titleOf(entry)} is recorded, but QEMU has no such device`;
    const hint = commandLine(paths, "repair", paths.name);
    return [{ code, device, what, hint }];
  });
}
