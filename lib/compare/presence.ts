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

/**
 * The recorded devices that QEMU does not have. Pure.
 *
 * @param instance for the hint
 */
export function comparePresence(
  runtime: Pick<Runtime, "disks" | "nics">,
  qemu: Pick<QemuFacts, "deviceIds" | "block">,
  instance: string,
): Difference[] {
  return devicesOf(runtime).flatMap((entry) => {
    const code = absence(entry, qemu);
    if (code !== "not-in-qemu") return [];
    const device = nameOfEntry(entry);
    const what = `${titleOf(entry)} is recorded, but QEMU has no such device`;
    return [{ code, device, what, hint: `kvm-hotplug repair ${instance}` }];
  });
}
