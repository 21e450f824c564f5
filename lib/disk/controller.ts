/**
 * The controller that comes with the first SCSI disk of a VM that has none.
 * Pure.
 *
 * It is plugged right before its disk: one that a guest learns of later looks
 * for disks but once. It stays when the disk goes, as one that the VM was
 * started with would: it takes no slot that Ganeti would use, and taking it out
 * would make a removal wait for the guest that needs not.
 *
 * @module
 */

import {
  chooseController,
  CONTROLLER_ID,
  controllerArguments,
  type ScsiController,
} from "../device/scsi_controller.ts";
import { SCSI_BUS } from "../device/scsi_target.ts";
import { unsupported } from "../errors.ts";
import { deviceStep, slotFacts } from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { refuseMachine, refuseTakenId } from "../plan/requirements.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import type { DiskAdd } from "./request.ts";
import type { ScsiFacts } from "./scsi.ts";
import type { DiskStep } from "./steps.ts";

/** Which controller would come with the disk: the user's or Ganeti's word. */
export function controllerWord(
  { content }: Pick<Facts, "content">,
  { controller }: Pick<DiskAdd, "controller">,
): string {
  return controller ?? content.runtime.hvparams.scsiController;
}

/**
 * Chooses a controller, if the VM has none and no other bus is wanted.
 *
 * @throws {HotplugError} status 3
 */
export function controllerFor(
  facts: Facts & ScsiFacts,
  request: Pick<DiskAdd, "bus" | "controller">,
): ScsiController | undefined {
  const { bus = SCSI_BUS } = request;
  if (facts.scsi.length > 0 || bus !== SCSI_BUS) return undefined;
  const { kvmCmd } = facts.content.runtime;
  refuseMachine(facts);
  refuseTakenId(facts, CONTROLLER_ID);
  if (isNamedIn(kvmCmd, CONTROLLER_ID)) {
    throw unsupported(
      `The VM has no SCSI controller, though its fixed part (kvm_cmd) has a device ${CONTROLLER_ID}: a start from the file would make another machine`,
      "stop and start the instance",
    );
  }
  const word = controllerWord(facts, request);
  const chosen = chooseController(slotFacts(facts), word);
  const { controllerFault } = facts;
  if (controllerFault === undefined) return chosen;
  throw unsupported(controllerFault, "--controller virtio-scsi-pci");
}

/** The steps that plug it, and see whether it sits where it was put. */
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

/** What the user gets beside the disk. */
export function controllerNote(
  { driver, place: { bus, slot } }: ScsiController,
): string {
  return `the VM had no SCSI controller: ${driver} comes with the disk, in slot ${slot} of ${bus}, and stays until the instance is stopped and started`;
}

/**
 * Whether QEMU has a device of a controller's name that neither the file's
 * command nor the VM's own one has: only then is it worth a look.
 */
export function hasForeignController(
  { qemu, content }: Pick<Facts, "qemu" | "content">,
): boolean {
  const started = [
    ...content.runtime.kvmCmd,
    ...qemu.process?.argv ?? [],
  ];
  return qemu.deviceIds.has(CONTROLLER_ID) &&
    !isNamedIn(started, CONTROLLER_ID);
}

/**
 * Tells of it. One that a recorded disk sits on is left out: who added that
 * disk was told, and said that it need not migrate.
 */
export function controllerDifference(facts: WholeFacts): Difference[] {
  if (!hasForeignController(facts)) return [];
  const { content, qemu, paths, format } = facts;
  const { disks } = content.runtime;
  const recorded = new Set(disks.flatMap(({ hvinfo }) => hvinfo.id ?? []));
  const bus = qemu.scsi?.find(({ id }) => id === CONTROLLER_ID);
  const isUsed = bus?.children.some(({ name }) => recorded.has(name));
  if (bus === undefined || isUsed) return [];
  return [{
    code: "controller",
    device: { kind: "disk", index: null, uuid: null, id: CONTROLLER_ID },
    what:
      `QEMU has SCSI controller ${CONTROLLER_ID} (${bus.controller}), which the runtime file's kvm_cmd does not name: a migration's target would lack it`,
    hint: format(["qmp", paths.name, "device_del", `id=${CONTROLLER_ID}`]),
  }];
}
