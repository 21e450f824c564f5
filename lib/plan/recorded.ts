/**
 * Recorded devices of any kind: entries of the runtime file's lists, and what
 * words of `kvm_cmd` are. Pure.
 *
 * @module
 */

import type { LoadNotes } from "../engine/own_facts.ts";
import type { Questions } from "../qmp/query.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { noteOn, type OwnDevice, type OwnRecord } from "../state/own_check.ts";
import type { DeviceEntry, RecordedDevice, Runtime } from "../state/runtime.ts";

/** What facts need of the register of kinds. */
export interface Register {
  /** The checks of the notes in the tool's own record. */
  readonly loadNotes: LoadNotes;
  /** All devices that a file records, in the order of the kinds. */
  recorded(runtime: Runtime): readonly RecordedDevice[];
  /** The further questions of the kinds to QEMU. */
  readonly asks: Questions;
  /**
   * Whether QEMU's network backends matter. If not, they count as none.
   *
   * @default "asked"
   */
  readonly netdevs?: "asked" | "unasked";
}

/** Whether a device is an entry of a list: then it goes by its uuid. */
export function isEntry(device: RecordedDevice): device is DeviceEntry {
  return "node" in device;
}

/** The exact name of a device in a command: its uuid; else its device id. */
export function nameOf(device: RecordedDevice): string | undefined {
  return isEntry(device) ? device.uuid : device.hvinfo.id;
}

/**
 * The key of a device in the tool's own record: its uuid in lower case, or the
 * device id if it has no uuid.
 */
export function keyOf(device: RecordedDevice): string | undefined {
  return isEntry(device) ? device.uuid?.toLowerCase() : device.hvinfo.id;
}

/** What is noted of a recorded device. */
export function noteFor(
  record: Pick<OwnRecord, "devices"> | undefined,
  device: RecordedDevice,
): OwnDevice | undefined {
  const key = keyOf(device);
  return key === undefined ? undefined : noteOn(record, key);
}

/** Whether the guest was asked to release it, and has not done so yet. */
export function isPending(
  record: Pick<OwnRecord, "devices"> | undefined,
  device: RecordedDevice,
): boolean {
  const { id } = device.hvinfo;
  return id !== undefined && noteFor(record, device)?.pending?.id === id;
}

/** Something of QEMU's that nothing records. */
export interface Stray {
  /** Device id, or the name of a backend; empty if it was given none. */
  readonly id: string;
  /** The word of its kind. */
  readonly kind: string;
  /** `backend`: no device uses it, so that no guest knows of it. */
  readonly has: "device" | "backend";
  /** Where it sits, if it sits on a PCI bus. */
  readonly pci?: PciDevice;
  /** On the VM's command line, or without a name: never one of ours. */
  readonly origin: "started" | "plugged";
}
