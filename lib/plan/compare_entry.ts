/**
 * Compares a recorded device of any kind with QEMU. Pure.
 *
 * @module
 */

import { servesAnonymous, servesUnnamed } from "../device/backend.ts";
import { sitsAsRecorded } from "../device/bus_slot.ts";
import { rootBus } from "../device/pci_bus.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { Difference, WholeFacts } from "./difference.ts";
import type { QemuFacts } from "./facts.ts";
import { commandLine, type InstancePaths } from "../state/instance.ts";
import { isPending } from "./recorded.ts";

/** Why QEMU has no device for an entry; undefined if it has one. */
export function absence(
  { hvinfo: { id }, anonymous }: Pick<RecordedDevice, "hvinfo" | "anonymous">,
  { deviceIds, block }: Pick<QemuFacts, "deviceIds" | "block">,
): "no-device-id" | "not-in-qemu" | undefined {
  if (id === undefined) return "no-device-id";
  // A device without an id is used by a drive of that name.
  if (deviceIds.has(id) || servesUnnamed(block, id)) return undefined;
  if (block.some((one) => servesAnonymous(one, anonymous))) return undefined;
  return "not-in-qemu";
}

/**
 * The repair for a device that a start from the file would make in another
 * form.
 */
export function plugAnew(
  { paths }: Pick<WholeFacts, "paths">,
  { kind, hvinfo: { id }, uuid, index }: RecordedDevice,
): string {
  const device = id ?? uuid ?? String(index);
  const remove = commandLine(paths, kind, "remove", paths.name, device);
  return `a start or migration from the runtime file would make a different device: remove it (${remove}), then add it again`;
}

/**
 * The difference of an entry without a device in QEMU. If a removal is pending,
 * the guest has released the device since.
 *
 * @param facts.own undefined: pending removals are not known
 */
export function absentDifference(
  { paths, qemu, own }: {
    readonly paths: Pick<InstancePaths, "name" | "reachedBy">;
    readonly qemu: Pick<QemuFacts, "deviceIds" | "block">;
    readonly own?: Pick<OwnFacts, "record"> | undefined;
  },
  entry: RecordedDevice,
): Difference | undefined {
  const code = absence(entry, qemu);
  if (code === undefined) return undefined;
  const device = nameOfEntry(entry);
  const title = titleOf(entry);
  if (code === "no-device-id") {
    return {
      code,
      device,
      message: `${title} is recorded without a device id`,
      hint: commandLine(paths, "adopt", paths.name),
    };
  }
  const repair = commandLine(paths, "repair", paths.name);
  if (isPending(own?.record, entry)) {
    return {
      code,
      device,
      message: `the guest has released ${title} (${device.id})`,
      hint: `to finish the removal, run: ${repair}`,
      mend: { word: "remove", did: "its removal is finished" },
    };
  }
  return {
    code,
    device,
    message: `${title} (${device.id}) is recorded, but QEMU has no such device`,
    hint: repair,
    mend: { word: "remove", did: "removed its entry and its leftovers" },
  };
}

/** A device with another driver than the recorded one. */
export function driverDifference(
  facts: WholeFacts,
  entry: RecordedDevice,
): Difference[] {
  const { id = "", driver } = entry.hvinfo;
  const live = facts.qemu.drivers.get(id);
  if (driver === undefined || live === undefined || driver === live) return [];
  return [{
    code: "driver",
    device: nameOfEntry(entry),
    message: `${
      titleOf(entry)
    } is recorded with driver ${driver}, but QEMU has ${live}`,
    hint: plugAnew(facts, entry),
  }];
}

/** A device at another PCI place than the recorded one. */
export function slotDifference(
  facts: WholeFacts,
  entry: RecordedDevice,
): Difference[] {
  const { id, bus, slot } = entry.hvinfo;
  const { pci, machine } = facts.qemu;
  if (slot === undefined) return [];
  const live = pci.find((one) => one.id === id);
  if (sitsAsRecorded(entry.hvinfo, live)) return [];
  // Behind a bridge that firmware has not numbered yet, nothing is shown.
  const isHidden = pci.some(({ secondary }) => secondary === 0);
  if (live === undefined && isHidden) return [];
  const where = live === undefined
    ? "on no PCI bus"
    : `in slot ${live.slot} of ${live.behind || rootBus(machine).name}`;
  return [{
    code: "place",
    device: nameOfEntry(entry),
    message: `${
      titleOf(entry)
    } (${id}) is recorded in slot ${slot} of ${bus}, QEMU has it ${where}`,
    hint: plugAnew(facts, entry),
  }];
}
