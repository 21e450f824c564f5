/**
 * A SCSI controller for a VM that was started without one. It is Ganeti's own,
 * `-device TYPE,id=scsi` (SPEC 4.2), with an address: in the file's `kvm_cmd` it
 * stands on the command line of every start and of a migration's target. Pure.
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

/** Device id of Ganeti's: it makes the bus {@linkcode SCSI_BUS}. */
export const CONTROLLER_ID = "scsi";

/** A controller to be plugged. */
export interface ScsiController {
  /** Ganeti's and QEMU's word for it. */
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
 * Where it goes: Ganeti counts only disks and NICs and gives them the lowest
 * slot from the reserved ones on, the lowest port. So the last reserved slot,
 * else the last of all; where disks have no room, where others have.
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
 * @param word hvparam `scsi_controller_type`, or what the user wants instead
 * @throws {HotplugError} `no-free-slot`, naming who is there; `unsupported` if
 * it is none that Ganeti has
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

/** What makes the same controller on a command line. */
export function controllerWords(controller: ScsiController): string[] {
  return ["-device", optionText(controllerArguments(controller), "driver")];
}

/** The bus it will have. */
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
 * vmw_pvscsi.c send an event. With the others it is found when the guest looks.
 */
export function tellsGuest(controller: string): boolean {
  return controller.startsWith("virtio-scsi") || controller === "pvscsi";
}

/**
 * The controller of a recorded disk, by the words that made it.
 *
 * @returns undefined if the disk is on none, or nothing tells of it
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

/** All that a plan adds to a VM's command line; the bus is its own part. */
const WORDS = /^[a-z0-9-]{1,31},id=scsi,bus=([^,]+),addr=0x[01]?[0-9a-f]$/;

/** Whether a value that was read back is {@linkcode controllerWords}. */
export function isControllerWords(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length === 2 &&
    value[0] === "-device" && typeof value[1] === "string" &&
    qemuId(WORDS.exec(value[1])?.[1]);
}
