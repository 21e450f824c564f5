/**
 * The place of a new virtio-mem device. Ganeti chooses places for its disks and
 * NICs by their entries in the runtime file alone: it does not know of words of
 * `kvm_cmd`, so the device goes where Ganeti looks last, or never. Pure.
 *
 * @module
 */

import {
  freeSlots,
  isOn,
  type PciPlace,
  type SlotFacts,
  takenSlots,
} from "../device/bus_slot.ts";
import { chooseSlot } from "../device/choose_slot.ts";
import type { PciBus } from "../device/pci_bus.ts";
import { noFreeSlot } from "../errors.ts";

/** Ganeti counts from kvm_pci_reservations on: SPEC 4.1. */
function belowReservations(facts: SlotFacts, root: PciBus): PciPlace {
  const taken = takenSlots(facts, root);
  const { first } = root.slots;
  for (let slot = facts.reservations - 1; slot >= first; slot--) {
    if (!taken.has(slot)) return { bus: root.name, slot };
  }
  const { length } = facts.live.filter((one) => isOn(one, root));
  throw noFreeSlot(
    `No free slot on ${root.name} below kvm_pci_reservations (${facts.reservations}), of ${length} devices`,
    "raise hvparam kvm_pci_reservations, then stop and start the instance",
  );
}

/** The next Ganeti takes the lowest free port: SPEC 4.3. */
function highestPort(facts: SlotFacts): PciBus | undefined {
  return facts.buses
    .filter((bus) => bus.kind === "port" && freeSlots(facts, bus).length > 0)
    .toSorted((one, other) => (one.number ?? 0) - (other.number ?? 0))
    .at(-1);
}

/**
 * Chooses the place.
 *
 * @throws {HotplugError} `no-free-slot` | `unsupported`
 */
export function pciPlace(facts: SlotFacts): PciPlace {
  const root = facts.buses.find(({ kind }) => kind === "root");
  if (root?.hotplug === "on") return belowReservations(facts, root);
  return chooseSlot(facts, "virtio-mem device", {
    bus: highestPort(facts)?.name,
  });
}
