/**
 * A SCSI controller for a VM that was started without one. It is Ganeti's own
 * controller, `-device TYPE,id=scsi` (SPEC 4.2), with an address: from the
 * file's `kvm_cmd` it is on the command line of every start and of a
 * migration's target. Pure.
 *
 * @module
 */

import { noFreeSlot, unsupported } from "../errors.ts";
import type { Json } from "../qmp/message.ts";
import { fixedOptions } from "../state/fixed_command.ts";
import type { Hvinfo } from "../state/runtime.ts";
import { qemuId } from "../state/value_check.ts";
import {
  freeSlots,
  pciAddress,
  type PciPlace,
  type SlotFacts,
} from "./bus_slot.ts";
import { CONTROLLERS } from "./disk_driver.ts";
import { optionText } from "../state/option_text.ts";
import { type PciBus, usualBuses } from "./pci_bus.ts";
import { modelOf, SCSI_BUS, type ScsiBus } from "./scsi_target.ts";
import { noRoom } from "./slot_refusal.ts";

/** Ganeti's device id: it makes the bus {@linkcode SCSI_BUS}. */
export const CONTROLLER_ID = "scsi";

/** A controller to be plugged. */
export interface ScsiController {
  /** Its driver in the words of Ganeti and QEMU. */
  readonly driver: string;
  /** Free in QEMU and in the file. */
  readonly place: PciPlace;
}

/** The last place of a bus that Ganeti would not give to a disk or NIC. */
function lastSlot(facts: SlotFacts, bus: PciBus): number | undefined {
  const free = freeSlots({ ...facts, reservations: 0 }, bus);
  return free.findLast((one) => one < facts.reservations) ?? free.at(-1);
}

/**
 * The place of the controller. Ganeti counts only disks and NICs, and gives
 * them the lowest slot that is not reserved, or the lowest port. Therefore: the
 * last reserved slot, else the last slot of all; if the bus for disks has no
 * room, another bus.
 */
function placeFor(facts: SlotFacts): PciPlace {
  const usual = usualBuses(facts.buses, "disk");
  const others = facts.buses.filter((bus) =>
    bus.by !== "shpc" && !usual.includes(bus)
  );
  for (const bus of [...others, ...usual].reverse()) {
    const slot = lastSlot(facts, bus);
    if (slot !== undefined) return { bus: bus.name, slot, port: bus.number };
  }
  const { message, hint } = noRoom(
    { ...facts, reservations: 0 },
    usual,
    "disk",
  );
  throw noFreeSlot(
    `The VM has no SCSI controller, and no free slot for one: ${message}`,
    usual[0]?.kind === "root" ? "remove a device" : hint,
  );
}

/**
 * The controller for a first disk.
 *
 * @param word hvparam `scsi_controller_type`, or the user's choice
 * @throws {HotplugError} `no-free-slot`, with the devices on the bus;
 * `unsupported` if Ganeti does not have it
 */
export function chooseController(
  facts: SlotFacts,
  word: string,
): ScsiController {
  if (CONTROLLERS.includes(word)) {
    return { driver: word, place: placeFor(facts) };
  }
  throw unsupported(
    `The VM has no SCSI controller, and ${
      JSON.stringify(word)
    } cannot be added`,
    `--controller takes ${CONTROLLERS.join(", ")}`,
  );
}

/** Arguments of `device_add`. */
export function controllerArguments({ driver, place }: ScsiController): Json {
  return { driver, id: CONTROLLER_ID, ...pciAddress(place) };
}

/** The words that make the same controller on a command line. */
export function controllerWords(controller: ScsiController): string[] {
  return ["-device", optionText(controllerArguments(controller), "driver")];
}

/** The name of its bus. */
export function busOf({ driver }: ScsiController): ScsiBus {
  return {
    name: SCSI_BUS,
    controller: modelOf(driver),
    id: CONTROLLER_ID,
    children: [],
  };
}

/**
 * Controllers that tell a guest of a new disk: hw/scsi/virtio-scsi.c and
 * vmw_pvscsi.c send an event. With other controllers the guest finds it when it
 * looks.
 */
export function tellsGuest(controller: string): boolean {
  return controller.startsWith("virtio-scsi") || controller === "pvscsi";
}

/**
 * The controller of a recorded disk, from the words that made it.
 *
 * @returns undefined if the disk is on none, or the controller is unknown
 */
export function controllerOf(
  { bus, scsiId }: Hvinfo,
  kvmCmd: readonly string[],
): string | undefined {
  if (scsiId === undefined) return undefined;
  const made = fixedOptions(kvmCmd, "device").find(({ id }) =>
    `${id}.0` === bus
  );
  return made && modelOf(made.type);
}

/**
 * The only words that a plan adds to a VM's command line; the bus is a part of
 * its own.
 */
const WORDS = /^[a-z0-9-]{1,31},id=scsi,bus=([^,]+),addr=0x[01]?[0-9a-f]$/;

/**
 * Whether a value that was read back has the form of
 * {@linkcode controllerWords}.
 */
export function isControllerWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length === 2 &&
    value[0] === "-device" && typeof value[1] === "string" &&
    qemuId(WORDS.exec(value[1])?.[1]);
}
