/**
 * The document of `pci`.
 *
 * @module
 */

import { QEMU } from "../plan/view_schema.ts";
import {
  list,
  named,
  object,
  orNull,
  text,
  truth,
  whole,
  word,
} from "../words/json_schema.ts";

/** One function on a bus. */
export const MAP_SLOT = named(
  "pci_function",
  object("A PCI function on a bus.", {
    slot: whole("Its slot.", { max: 31 }),
    function: whole("Its function.", { max: 7 }),
    id: orNull(text("Its device id; null if it has none.")),
    description: text("For people: a recorded device, or QEMU's words."),
    seen: word(
      ["in-qemu", "recorded"],
      "The place that has it: QEMU, or only the runtime file.",
    ),
  }),
);

/** One bus. */
export const MAP_BUS = named(
  "pci_bus",
  object("A PCI bus.", {
    bus: text(
      "The value for --bus; in parentheses if the bus has no name in QEMU.",
    ),
    type: word(["pci", "pcie"], "The type of the bus, not of its devices."),
    kind: word(
      ["root", "port", "switch", "bridge"],
      "The kind of device that has the bus.",
    ),
    port: orNull(
      whole(
        "The number of the port, a value for --slot; null for other buses.",
      ),
    ),
    hotplug: truth("Whether devices can be plugged into it."),
    reserved: whole("Slots below this one are kept: kvm_pci_reservations."),
    slots: list("The devices on the bus, by slot and function.", MAP_SLOT),
    free: list(
      "The slots that a new device can get.",
      whole("A slot.", { max: 31 }),
    ),
  }),
);

/** All buses of a machine. */
export const PCI_MEMBERS = {
  instance: text("The instance, or the path of the socket that was given."),
  qemu: QEMU,
  buses: list("The buses, the root bus first.", MAP_BUS),
};
