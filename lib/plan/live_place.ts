/**
 * The place of a device in QEMU, in the form of an entry.
 *
 * @module
 */

import type { Place } from "../device/hvinfo.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { askAll } from "../qmp/query.ts";
import { text } from "../qmp/reading.ts";
import type { QemuFacts } from "./facts.ts";

function busOf(path: unknown): string {
  const whole = text(path);
  return whole.slice(whole.lastIndexOf("/") + 1);
}

/** Its place; undefined on a bus from which no device can be removed. */
export async function placeOf(
  qmp: QmpSession,
  id: string,
  { pci: all, drivers }: Pick<QemuFacts, "pci" | "drivers">,
): Promise<Place | undefined> {
  const parent = propertyOf(id, "parent_bus");
  const pci = all.find((one) => one.id === id);
  if (pci !== undefined && pci.function === 0) {
    const { bus, acpiIndex } = await askAll(qmp, {
      bus: parent,
      // Every PCI device has it since QEMU 6.1; 0 means none.
      acpiIndex: { ...propertyOf(id, "acpi-index"), ifRefused: "nothing" },
    });
    return {
      bus: busOf(bus),
      slot: pci.slot,
      acpiIndex: Number(acpiIndex) || undefined,
    };
  }
  if (!drivers.get(id)?.startsWith("scsi-")) return undefined;
  const { bus, channel, scsiId, lun } = await askAll(qmp, {
    bus: parent,
    channel: propertyOf(id, "channel"),
    scsiId: propertyOf(id, "scsi-id"),
    lun: propertyOf(id, "lun"),
  });
  return {
    bus: busOf(bus),
    channel: Number(channel),
    scsiId: Number(scsiId),
    lun: Number(lun),
  };
}
