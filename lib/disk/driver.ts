/**
 * What a disk's driver decides: where it sits, and what goes with it. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { type DiskDriver, isScsi } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import type { Place } from "../device/hvinfo.ts";
import { busOf, tellsGuest } from "../device/scsi_controller.ts";
import { chooseTarget } from "../device/scsi_target.ts";
import { refuse, unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { ScsiFacts } from "./scsi.ts";
import { type Identity, identityAt, newIdentity } from "../plan/addition.ts";
import { devicesOf } from "../state/runtime.ts";
import { controllerFor, controllerNote } from "./controller.ts";
import type { DiskAdd, EmptyDriveAdd } from "./request.ts";
import { DISK } from "./name.ts";

/**
 * Refuses what QEMU would refuse later.
 *
 * @throws {HotplugError} `unsupported` | `refused`
 */
export function refuseDriver(
  { driverFault }: Pick<DiskAddFacts, "driverFault">,
  driver: DiskDriver,
  { settings, iothread, controller }: DiskAdd | EmptyDriveAdd,
): void {
  if (driverFault !== undefined) {
    throw unsupported(driverFault, hintFor(driver));
  }
  const only = (option: string) =>
    refuse(
      `Option --${option} goes with driver ${VIRTIO_BLK}, not with ${driver}`,
    );
  if (controller !== undefined && !isScsi(driver)) {
    throw refuse(
      `Option --controller goes with a SCSI disk, not with ${driver}`,
    );
  }
  if (driver === VIRTIO_BLK) return;
  if (settings.queues !== undefined) throw only("queues");
  if (iothread !== undefined) throw only("iothread");
}

function hintFor(driver: DiskDriver): string {
  switch (driver) {
    case "scsi-generic":
      return "QEMU wants a /dev/sgN for it, and character devices are refused; scsi-block passes the block device of the same disk through";
    case "scsi-block":
      return "scsi-hd gives the guest a SCSI disk of any source";
    default:
      return `--driver ${VIRTIO_BLK} works with every QEMU`;
  }
}

/**
 * Chooses place and id by the driver; a SCSI disk may need a controller, too.
 *
 * @throws {HotplugError} status 3
 */
export function identityFor(
  facts: Facts & ScsiFacts,
  request: DiskAdd | EmptyDriveAdd,
  driver: DiskDriver,
): Identity<Place> & Pick<DiskDevice, "controller"> {
  if (!isScsi(driver)) return newIdentity(facts, DISK, request);
  const controller = controllerFor(facts, request);
  const buses = controller === undefined ? facts.scsi : [busOf(controller)];
  const given = { recorded: devicesOf(facts.content.runtime), buses };
  const { bus, slot: target } = request;
  const identity = identityAt(facts, DISK, {
    request,
    placeFor: () => chooseTarget(given, { bus, target }),
  });
  return { ...identity, controller };
}

/** How a guest looks for what it was not told of. */
const LOOKS = {
  disk: "echo '- - -' > /sys/class/scsi_host/hostN/scan",
  size: "echo 1 > /sys/block/DISK/device/rescan",
} as const;

/**
 * What the user must know where a guest is not told of something new.
 *
 * @param controller the disk's; undefined if it has none, or it is unknown
 */
export function unheard(
  controller: string | undefined,
  what: "disk" | "size",
): string[] {
  if (controller === undefined || tellsGuest({ controller })) return [];
  return [
    `a ${controller} does not tell the guest of a new ${what}: it must look for it (Linux: ${
      LOOKS[what]
    })`,
  ];
}

/** What the user must know of how a new disk comes to the guest. */
export function comingOf(
  { scsi }: ScsiFacts,
  { controller, place }: Pick<DiskDevice, "controller" | "place">,
): string[] {
  if (controller !== undefined) return [controllerNote(controller)];
  const bus = scsi.find(({ name }) => name === place.bus);
  return unheard(bus?.controller, "disk");
}
