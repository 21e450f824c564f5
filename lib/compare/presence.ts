/**
 * Does QEMU have what is recorded? As deep as all instances of a node can be
 * looked at together.
 *
 * @module
 */

import { absence } from "../plan/compare_entry.ts";
import { remark } from "../errors.ts";
import type { Difference } from "../plan/difference.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
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
    const hint = commandLine(paths, "repair", paths.name);
    const about = { hint, device: nameOfEntry(entry) };
    return [remark(code, `${titleOf(entry)} is not in QEMU`, about)];
  });
}
