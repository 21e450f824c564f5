/**
 * Which PCI slot a new device gets. The runtime file alone does not know what
 * QEMU or `kvm_extra` put on the bus, and QEMU alone does not know of a device
 * whose removal is pending or that Ganeti only recorded: a slot is free when
 * both say so.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { PciDevice } from "../qmp/commands.ts";
import type { DeviceEntry } from "../state/runtime.ts";

/** The bus of machine type pc (i440FX) that takes hotplug. */
export const PC_BUS = "pci.0";

const SLOTS = 32;

/** A place on a PCI bus. */
export interface PciPlace {
  /** QEMU's id of it, e.g. {@linkcode PC_BUS}. */
  readonly bus: string;
  /** 0 to 31. */
  readonly slot: number;
}

/** What the choice of a slot depends on. */
export interface SlotFacts {
  /** All devices of the runtime file. */
  readonly recorded: readonly DeviceEntry[];
  /** The live `query-pci`. */
  readonly live: readonly PciDevice[];
  /** Slots below this number are not chosen, 0 to 32. */
  readonly reservations: number;
}

/** Who sits where on {@linkcode PC_BUS}: slot to a word for its holder. */
export function takenSlots(
  { recorded, live }: Pick<SlotFacts, "recorded" | "live">,
): Map<number, string> {
  const taken = new Map<number, string>();
  for (const { hvinfo, kind, index } of recorded) {
    const { slot, bus = PC_BUS, id } = hvinfo;
    if (slot === undefined || bus !== PC_BUS) continue;
    taken.set(slot, id ?? `${kind} ${index}`);
  }
  for (const device of live) {
    if (device.behind !== "" || device.bus !== 0) continue;
    const name = device.id || device.description || "a device without id";
    taken.set(device.slot, name);
  }
  return taken;
}

/** QEMU's form of a slot: hexadecimal, as Python's `hex()` writes it. */
export function addrOfSlot(slot: number): string {
  return `0x${slot.toString(16)}`;
}

/**
 * The place of a new device: the one asked for, else the lowest free slot that
 * is not reserved.
 *
 * @throws {HotplugError} `no-free-slot`, naming who is there
 */
export function chooseSlot(facts: SlotFacts, wanted?: number): PciPlace {
  const taken = takenSlots(facts);
  if (wanted !== undefined) {
    const holder = taken.get(wanted);
    if (holder === undefined) return { bus: PC_BUS, slot: wanted };
    throw new HotplugError(
      "no-free-slot",
      `Slot ${wanted} of ${PC_BUS} is taken by ${holder}`,
      { hint: "leave --slot out to take the first free one" },
    );
  }
  for (let slot = facts.reservations; slot < SLOTS; slot++) {
    if (!taken.has(slot)) return { bus: PC_BUS, slot };
  }
  if (facts.reservations >= SLOTS) {
    throw new HotplugError(
      "no-free-slot",
      "Hvparam kvm_pci_reservations keeps every slot for the others",
      { hint: "name a slot with --slot" },
    );
  }
  throw new HotplugError(
    "no-free-slot",
    `No slot of ${PC_BUS} from ${facts.reservations} to ${SLOTS - 1} is free: ${
      [...taken].filter(([slot]) => slot >= facts.reservations)
        .sort(([a], [b]) => a - b)
        .map(([slot, holder]) => `${slot} ${holder}`).join(", ")
    }`,
    { hint: "remove a device, or name a lower slot with --slot" },
  );
}
