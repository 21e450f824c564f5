/**
 * Chooses the place of a new device: the requested place, else the first free
 * place for devices of its kind.
 *
 * @module
 */

import { noFreeSlot, unsupported } from "../errors.ts";
import {
  freeSlots,
  type PciPlace,
  type SlotFacts,
  takenSlots,
} from "./bus_slot.ts";
import { acpiIndexOf, type PciBus, usualBuses } from "./pci_bus.ts";
import { noHotplug, noRoom, taking } from "./slot_refusal.ts";

/** The request of the user; the tool chooses everything else. */
export interface WantedPlace {
  /** Name of a bus. */
  readonly bus?: string | undefined;
  /** Slot, or the number of a port. */
  readonly slot?: number | undefined;
}

/**
 * The place of a new device: the requested place, else the lowest free slot
 * that is not reserved.
 *
 * @throws {HotplugError} `no-free-slot`, with the devices on the bus;
 * `unsupported` if there is no such bus
 */
export function chooseSlot(
  facts: SlotFacts,
  kind: string,
  { bus: name, slot: wanted }: WantedPlace = {},
): PciPlace {
  const { buses } = facts;
  const place = (bus: PciBus, slot: number): PciPlace => ({
    bus: bus.name,
    slot,
    port: bus.number,
    acpiIndex: kind === "nic" ? acpiIndexOf(buses, bus) : undefined,
  });
  const usual = usualBuses(buses, kind);
  const named = name === undefined ? undefined : namedBus(buses, name);
  if (wanted !== undefined) {
    const bus = named ?? numberedBus(buses, usual, wanted);
    return place(bus, slotOn(facts, bus, wanted));
  }
  if (named?.hotplug === "off") throw noHotplug(facts, named);
  const among = named === undefined ? usual : [named];
  for (const bus of among) {
    const [first] = freeSlots(facts, bus);
    if (first !== undefined) return place(bus, first);
  }
  throw noRoom(facts, among, kind);
}

function namedBus(buses: readonly PciBus[], name: string): PciBus {
  const bus = buses.find((one) => one.name === name);
  if (bus !== undefined) return bus;
  throw unsupported(
    `The VM has no PCI bus ${name}; buses with hotplug: ${taking(buses)}`,
  );
}

/** The bus for the number of a slot or of a port. */
function numberedBus(
  buses: readonly PciBus[],
  usual: readonly PciBus[],
  slot: number,
): PciBus {
  const [first] = usual;
  if (first?.kind === "root") return first;
  const ports = [...usual, ...buses].filter(({ hotplug }) => hotplug === "on");
  const port = ports.find(({ number }) => number === slot);
  if (port !== undefined) return port;
  throw unsupported(
    `No port with hotplug has the number ${slot}`,
    "name a port with --bus; kvm-hotplug pci shows all ports",
  );
}

/** The requested slot on a bus; a port may be named by its number. */
function slotOn(facts: SlotFacts, bus: PciBus, wanted: number): number {
  if (bus.hotplug === "off") throw noHotplug(facts, bus);
  const { first, last } = bus.slots;
  const isPort = bus.kind === "port";
  const slot = isPort && wanted === bus.number ? first : wanted;
  if (slot < first || slot > last) {
    throw unsupported(
      `Bus ${bus.name} has no slot ${slot}: ${
        isPort ? "a port has only slot 0" : `slots go from ${first} to ${last}`
      }`,
    );
  }
  const holder = takenSlots(facts, bus).get(slot);
  if (holder === undefined) return slot;
  throw noFreeSlot(
    `${
      isPort ? `Port ${bus.name}` : `Slot ${slot} of ${bus.name}`
    } is taken by ${holder}`,
    "omit --slot and --bus to use the first free slot",
  );
}
