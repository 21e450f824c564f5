/**
 * The consequences of a disk's driver: its place and its companions. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { type DiskDriver, isScsi } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import type { Place } from "../device/hvinfo.ts";
import {
  busOf,
  chooseController,
  CONTROLLER_ID,
  controllerArguments,
  type ScsiController,
  tellsGuest,
} from "../device/scsi_controller.ts";
import { chooseTarget, SCSI_BUS } from "../device/scsi_target.ts";
import { refuse, type Remark, remark, unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { ScsiFacts } from "./scsi.ts";
import {
  deviceStep,
  type Identity,
  identityAt,
  newIdentity,
  slotFacts,
} from "../plan/addition.ts";
import { refuseMachine, refuseTakenId } from "../plan/requirements.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import { devicesOf } from "../state/runtime.ts";
import type { DiskAdd, EmptyDriveAdd } from "./request.ts";
import type { DiskStep } from "./steps.ts";
import { DISK } from "./name.ts";

/**
 * Refuses a disk that QEMU would refuse later.
 *
 * @throws {HotplugError} `unsupported` | `refused`
 */
export function refuseDriver(
  { driverFault }: Pick<DiskAddFacts, "driverFault">,
  driver: DiskDriver,
  { controller }: DiskAdd | EmptyDriveAdd,
): void {
  if (driverFault !== undefined) {
    throw unsupported(driverFault, hintFor(driver));
  }
  if (controller !== undefined && !isScsi(driver)) {
    throw refuse(
      `Option --controller goes with a SCSI disk, not with ${driver}`,
    );
  }
}

function hintFor(driver: DiskDriver): string {
  switch (driver) {
    case "scsi-generic":
      return "use --driver scsi-block with the block device of the same disk: scsi-generic needs /dev/sgN, a character device, which is refused";
    case "scsi-block":
      return "use --driver scsi-hd, which accepts any source";
    default:
      return `use --driver ${VIRTIO_BLK}, which works with every QEMU`;
  }
}

/**
 * Chooses a controller, if the VM has none and the user wants no other bus. It
 * is plugged right before its disk: a guest looks for the disks of a controller
 * only once, when it learns of the controller. It stays when the disk is
 * removed, like a controller of the start: it uses no slot that Ganeti would
 * use, and its removal would have to wait for the guest once more.
 *
 * @throws {HotplugError} status 3
 */
function controllerFor(
  facts: Facts & ScsiFacts,
  request: Pick<DiskAdd, "bus" | "controller">,
): ScsiController | undefined {
  const { bus = SCSI_BUS } = request;
  if (facts.scsi.length > 0 || bus !== SCSI_BUS) return undefined;
  const { kvmCmd, hvparams } = facts.content.runtime;
  refuseMachine(facts);
  refuseTakenId(facts, CONTROLLER_ID);
  if (isNamedIn(kvmCmd, CONTROLLER_ID)) {
    throw unsupported(
      `QEMU has no SCSI controller, but the runtime file's kvm_cmd has device ${CONTROLLER_ID}: a start from the runtime file would make a different machine`,
      "stop and start the instance",
    );
  }
  const word = request.controller ?? hvparams.scsiController;
  const chosen = chooseController(slotFacts(facts), word);
  const { controllerFault } = facts;
  if (controllerFault === undefined) return chosen;
  throw unsupported(controllerFault, "--controller virtio-scsi-pci");
}

/** The steps that plug it, and check its place. */
export function controllerSteps(
  controller: ScsiController | undefined,
): DiskStep[] {
  if (controller === undefined) return [];
  const { slot } = controller.place;
  return [
    deviceStep(controllerArguments(controller)),
    { kind: "verify-device", id: CONTROLLER_ID, slot },
  ];
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

/** The commands by which a guest looks for a new disk. */
const LOOKS = {
  disk: "echo '- - -' > /sys/class/scsi_host/hostN/scan",
  size: "echo 1 > /sys/block/DISK/device/rescan",
} as const;

/**
 * The warning if a guest is not told of a new disk or size.
 *
 * @param controller the controller of the disk; undefined if it has none, or it
 * is unknown
 */
export function unheard(
  controller: string | undefined,
  what: "disk" | "size",
): Remark | undefined {
  if (controller === undefined || tellsGuest(controller)) return undefined;
  return remark(
    "guest-not-told",
    `a ${controller} does not notify the guest of a new ${what}: the guest must scan for it (Linux: ${
      LOOKS[what]
    })`,
  );
}

/** The warnings about how a new disk reaches the guest. */
export function comingOf(
  { scsi }: ScsiFacts,
  { controller, place }: Pick<DiskDevice, "controller" | "place">,
): Remark | undefined {
  if (controller !== undefined) {
    const { driver, place: { bus, slot } } = controller;
    return remark(
      "controller-added",
      `the VM had no SCSI controller: ${driver} is added with the disk, in slot ${slot} of ${bus}, and stays until the instance is stopped`,
    );
  }
  const bus = scsi.find(({ name }) => name === place.bus);
  return unheard(bus?.controller, "disk");
}
