/**
 * The taken and the free PCI slots. The runtime file does not know devices that
 * QEMU or `kvm_extra` put on the bus. QEMU does not know a device with a
 * pending removal, or a device that Ganeti only recorded. A slot is free when
 * both say so.
 *
 * @module
 */

import type { PciDevice } from "../qmp/pci_query.ts";
import type { Hvinfo, RecordedDevice } from "../state/runtime.ts";
import { PC_BUS, type PciBus, PCIE_BUS } from "./pci_bus.ts";

/** A place on a PCI bus. */
export interface PciPlace {
  /** QEMU's id of the bus, e.g. {@linkcode PC_BUS}. */
  readonly bus: string;
  /** 0 to 31; 0 in a port. */
  readonly slot: number;
  /** The port's number, if the bus is a port. */
  readonly port?: number | undefined;
  /** The index from which the guest names a NIC `enoN`. */
  readonly acpiIndex?: number | undefined;
}

/** The data on which the choice of a slot depends. */
export interface SlotFacts {
  /** All devices of the runtime file. */
  readonly recorded: readonly RecordedDevice[];
  /** The live `query-pci`. */
  readonly live: readonly PciDevice[];
  /** The root bus, and those behind bridges. */
  readonly buses: readonly PciBus[];
  /** Slots of {@linkcode PC_BUS} below this number are not chosen, 0 to 32. */
  readonly reservations: number;
}

/** Whether a live device sits on a bus. */
export function isOn(
  { behind, bus }: PciDevice,
  { kind, name }: PciBus,
): boolean {
  return kind === "root" ? behind === "" && bus === 0 : behind === name;
}

/** The devices on a bus: slot to a word for the device. */
export function takenSlots(
  { recorded, live }: Pick<SlotFacts, "recorded" | "live">,
  on: PciBus,
): Map<number, string> {
  const taken = new Map<number, string>();
  for (const { hvinfo, kind, index } of recorded) {
    const { slot, bus = PC_BUS, id } = hvinfo;
    if (slot === undefined || bus !== on.name) continue;
    taken.set(slot, id ?? `${kind} ${index}`);
  }
  for (const device of live) {
    if (!isOn(device, on)) continue;
    const name = device.id || device.description || "a device without an id";
    taken.set(device.slot, name);
  }
  if (on.devices === "hidden") {
    const { first, last } = on.slots;
    for (let slot = first; slot <= last; slot++) {
      if (!taken.has(slot)) {
        taken.set(slot, "a device that query-pci does not show yet");
      }
    }
  }
  return taken;
}

const ROOT_BUSES = [PC_BUS, PCIE_BUS];

/** Whether QEMU has a device at its recorded place; undefined: unknown. */
export function sitsAsRecorded(
  { slot, bus = PC_BUS }: Hvinfo,
  live: PciDevice | undefined,
): boolean | undefined {
  if (live === undefined || slot === undefined) return undefined;
  // query-pci does not tell the names of root buses.
  const there = live.behind === "" ? ROOT_BUSES : [live.behind];
  return there.includes(bus) && live.slot === slot;
}

/** QEMU's form of a slot: hexadecimal, as in Python's `hex()`. */
export function addrOfSlot(slot: number): string {
  return `0x${slot.toString(16)}`;
}

/** A place in the form of QEMU's arguments and `hvinfo`. */
export function pciAddress(
  { bus, slot, acpiIndex }: PciPlace,
): { readonly [key: string]: string | number } {
  return {
    bus,
    addr: addrOfSlot(slot),
    ...(acpiIndex === undefined ? {} : { "acpi-index": acpiIndex }),
  };
}

/** The slots of a bus that a new device could get. */
export function freeSlots(facts: SlotFacts, bus: PciBus): number[] {
  if (bus.hotplug === "off") return [];
  const taken = takenSlots(facts, bus);
  const { first, last } = bus.slots;
  const from = bus.kind === "root" ? facts.reservations : first;
  const free: number[] = [];
  for (let slot = from; slot <= last; slot++) {
    if (!taken.has(slot)) free.push(slot);
  }
  return free;
}
