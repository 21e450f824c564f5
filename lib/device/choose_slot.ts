/**
 * Which place a new device gets: the one asked for, else the first free one of
 * where devices of its kind usually go.
 *
 * @module
 */

import { HotplugError, unsupported } from "../errors.ts";
import {
  freeSlots,
  type PciPlace,
  type SlotFacts,
  takenSlots,
} from "./bus_slot.ts";
import { acpiIndexOf, type PciBus, usualBuses } from "./pci_bus.ts";
import { noHotplug, noRoom, taking } from "./slot_refusal.ts";

/** What the user asked for; all else is ours to choose. */
export interface WantedPlace {
  /** Name of a bus. */
  readonly bus?: string | undefined;
  /** Slot, or the number of a port. */
  readonly slot?: number | undefined;
}

/**
 * The place of a new device: the one asked for, else the lowest free slot that
 * is not reserved.
 *
 * @throws {HotplugError} `no-free-slot`, naming who is there; `unsupported` if
 * there is no such bus
 */
export function chooseSlot(
  facts: SlotFacts,
  kind: "disk" | "nic",
  { bus: name, slot }: WantedPlace = {},
): PciPlace {
  const { buses } = facts;
  if (name !== undefined) {
    const bus = namedBus(facts, name);
    return placeOn(facts, bus, { kind, slot });
  }
  const usual = usualBuses(buses, kind);
  if (slot !== undefined) {
    const bus = numberedBus(buses, usual, slot);
    return placeOn(facts, bus, { kind, slot });
  }
  for (const bus of usual) {
    const [first] = freeSlots(facts, bus);
    if (first !== undefined) return placeOf(facts, bus, { kind, slot: first });
  }
  throw noRoom(facts, usual, kind);
}

function placeOf(
  { buses }: SlotFacts,
  bus: PciBus,
  { kind, slot }: { kind: "disk" | "nic"; slot: number },
): PciPlace {
  return {
    bus: bus.name,
    slot,
    port: bus.number,
    acpiIndex: kind === "nic" ? acpiIndexOf(buses, bus) : undefined,
  };
}

function namedBus({ buses }: SlotFacts, name: string): PciBus {
  const bus = buses.find((one) => one.name === name);
  if (bus !== undefined) return bus;
  throw unsupported(
    `The VM has no PCI bus ${name}; those that take hotplug: ${taking(buses)}`,
  );
}

/** By the number of a slot, or that of a port. */
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
    `No port that takes hotplug has the number ${slot}`,
    "name one with --bus; pci shows them",
  );
}

/** A place on one bus: the slot asked for, else its first free one. */
function placeOn(
  facts: SlotFacts,
  bus: PciBus,
  { kind, slot }: { kind: "disk" | "nic"; slot: number | undefined },
): PciPlace {
  if (bus.hotplug === "off") throw noHotplug(facts, bus);
  const { first, last } = bus.slots;
  const isPort = bus.kind === "port";
  const wanted = isPort && slot === bus.number ? first : slot;
  if (wanted === undefined) {
    const [free] = freeSlots(facts, bus);
    if (free === undefined) throw noRoom(facts, [bus], kind);
    return placeOf(facts, bus, { kind, slot: free });
  }
  if (wanted < first || wanted > last) {
    throw unsupported(
      `Bus ${bus.name} has no slot ${wanted}: ${
        isPort ? "a port has slot 0 alone" : `slots go from ${first} to ${last}`
      }`,
    );
  }
  const holder = takenSlots(facts, bus).get(wanted);
  if (holder === undefined) return placeOf(facts, bus, { kind, slot: wanted });
  throw new HotplugError(
    "no-free-slot",
    `${
      isPort ? `Port ${bus.name}` : `Slot ${wanted} of ${bus.name}`
    } is taken by ${holder}`,
    { hint: "leave --slot and --bus out to take the first free one" },
  );
}
