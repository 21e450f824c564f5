/**
 * The refusal if there is no place for a device: the devices on the bus, and
 * ways to make room.
 *
 * @module
 */

import { type HotplugError, noFreeSlot, unsupported } from "../errors.ts";
import { freeSlots, type SlotFacts, takenSlots } from "./bus_slot.ts";
import type { PciBus } from "./pci_bus.ts";

/** The devices on a bus, in a few words. */
function whoIsOn(facts: SlotFacts, bus: PciBus): string {
  if (bus.hotplug === "off") return `${bus.name} has no hotplug`;
  const from = bus.kind === "root" ? facts.reservations : bus.slots.first;
  const taken = [...takenSlots(facts, bus)].filter(([slot]) => slot >= from)
    .sort(([a], [b]) => a - b);
  if (bus.kind === "port") {
    return `${bus.name} ${taken.map(([, holder]) => holder).join(" and ")}`;
  }
  const words = taken.map(([slot, holder]) => `${slot} ${holder}`).join(", ");
  return bus.kind === "root" ? words : `${bus.name} ${words}`;
}

const MORE_PORTS =
  "start the VM with more of -device pcie-root-port,id=rpN,chassis=N (hvparam kvm_extra)";

/** Another bus with room, for the end of a hint. */
function elsewhere(facts: SlotFacts, usual: readonly PciBus[]): string {
  const other = facts.buses.find((bus) =>
    !usual.includes(bus) && freeSlots(facts, bus).length > 0
  );
  return other === undefined ? "" : `; --bus ${other.name} has room`;
}

/** Names of the buses that support hotplug. */
export function taking(buses: readonly PciBus[]): string {
  return buses.filter(({ hotplug }) => hotplug === "on")
    .map(({ name }) => name).join(", ") || "none";
}

/** The refusal of a bus without hotplug. */
export function noHotplug(
  { buses }: Pick<SlotFacts, "buses">,
  { name }: PciBus,
): HotplugError {
  return unsupported(
    `Bus ${name} has no hotplug; buses with hotplug: ${taking(buses)}`,
  );
}

function noRoomOnRoot(facts: SlotFacts, root: PciBus): HotplugError {
  if (root.hotplug === "off") return noHotplug(facts, root);
  const { reservations } = facts;
  const { last } = root.slots;
  const more = elsewhere(facts, [root]);
  if (reservations > last) {
    return noFreeSlot(
      "Hvparam kvm_pci_reservations reserves every slot",
      `name a slot with --slot${more}`,
    );
  }
  return noFreeSlot(
    `All slots of ${root.name} are in use (${reservations} to ${last}): ${
      whoIsOn(facts, root)
    }`,
    `remove a device, or name a lower slot with --slot${more}`,
  );
}

/** The error for a device without a place on these buses. */
export function noRoom(
  facts: SlotFacts,
  usual: readonly PciBus[],
  kind: string,
): HotplugError {
  const [first] = usual;
  const what = kind === "nic" ? "NIC" : kind;
  if (first === undefined) {
    return noFreeSlot(
      `The VM has no port for a ${what}: its root bus has no hotplug, and no root port or bridge has an id`,
      MORE_PORTS,
    );
  }
  if (first.kind === "root") return noRoomOnRoot(facts, first);
  const where = usual.length === 1
    ? `bus ${first.name}`
    : `the ${usual.length} buses for a ${what}`;
  return noFreeSlot(
    `No free slot on ${where}: ${
      usual.map((one) => whoIsOn(facts, one)).join(", ")
    }`,
    `remove a device, or ${MORE_PORTS}${elsewhere(facts, usual)}`,
  );
}
