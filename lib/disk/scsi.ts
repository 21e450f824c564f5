/**
 * Facts for plugging a SCSI disk: the live buses, and whether the source is a
 * SCSI device of the node.
 *
 * @module
 */

import { type DiskDriver, isPassThrough } from "../device/disk_driver.ts";
import {
  modelOf as controllerModel,
  type ScsiBus,
  type ScsiChild,
} from "../device/scsi_target.ts";
import { passThroughFault } from "../host/scsi_device.ts";
import type { Source } from "../host/source.ts";
import type { Facts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { ask, askAll } from "../qmp/query.ts";
import {
  CONTAINERS,
  linkOf,
  membersOf,
  propertyNamesOf,
  type QomMember,
  targetOf,
} from "../qmp/device_queries.ts";
import type { Fd } from "../sys/fd.ts";
import type { DiskAdd } from "./request.ts";

/** Device models with a SCSI bus, by their QOM names: hw/scsi. */
const CONTROLLERS =
  /^(?:lsi53c8\w+|virtio-scsi-pci(?:-(?:non-)?transitional)?|megasas(?:-gen2)?|pvscsi|mptsas1068|am53c974|dc390)$/;

function childType({ type }: QomMember): string {
  return /^child<(.+)>$/.exec(type)?.[1] ?? "";
}

async function readChildren(
  qmp: QmpSession,
  bus: string,
): Promise<ScsiChild[]> {
  const members = await ask(qmp, membersOf(bus));
  // The bus has a link to each of its devices: hw/core/qdev.c, bus_add_child.
  const links = members.filter(({ name }) => /^child\[\d+\]$/.test(name));
  if (links.length === 0) return [];
  const questions = links.map(({ name }) => [
    [`${name} path`, linkOf(bus, name)] as const,
    [`${name} target`, targetOf(`${bus}/${name}`)] as const,
  ]).flat();
  const answers = await askAll(qmp, Object.fromEntries(questions));
  return links.map(({ name }) => ({
    scsiId: Number(answers[`${name} target`]),
    name: String(answers[`${name} path`])
      .replace(/^\/machine\/peripheral\//, ""),
  }));
}

async function readBus(
  qmp: QmpSession,
  { container, member }: { container: string; member: QomMember },
): Promise<ScsiBus[]> {
  const controller = childType(member);
  const device = `${container}/${member.name}`;
  const owner = controller.startsWith("virtio-")
    ? `${device}/virtio-backend`
    : device;
  const members = await ask(qmp, membersOf(owner));
  const bus = members.find((one) => childType(one) === "SCSI");
  if (bus === undefined) return [];
  return [{
    name: bus.name,
    controller,
    id: container === CONTAINERS[0] ? member.name : undefined,
    children: await readChildren(qmp, `${owner}/${bus.name}`),
  }];
}

/** All SCSI buses of a live VM, with their devices. */
export async function readScsiBuses(qmp: QmpSession): Promise<ScsiBus[]> {
  const buses: ScsiBus[] = [];
  for (const container of CONTAINERS) {
    const members = await ask(qmp, membersOf(container));
    for (const member of members) {
      if (!CONTROLLERS.test(childType(member))) continue;
      buses.push(...await readBus(qmp, { container, member }));
    }
  }
  return buses;
}

async function hasModel(qmp: QmpSession, driver: string): Promise<boolean> {
  return await ask(qmp, propertyNamesOf(driver)) !== undefined;
}

/**
 * Why a driver cannot be used with any source, undefined if no reason is known.
 */
export async function modelFault(
  qmp: QmpSession,
  driver: DiskDriver,
): Promise<string | undefined> {
  return await hasModel(qmp, driver)
    ? undefined
    : `This QEMU has no device model ${driver}`;
}

/** Facts for a SCSI disk, whatever its source. */
export interface ScsiFacts {
  /** Read only if the disk will be on a SCSI bus. */
  readonly scsi: readonly ScsiBus[];
  /**
   * Why no controller can be plugged with it, undefined if no reason is known.
   */
  readonly controllerFault?: string | undefined;
}

/**
 * Looks for a SCSI bus; without a bus, checks whether QEMU has the controller
 * that would be plugged with the disk.
 */
export async function readScsi(
  qmp: QmpSession,
  { content }: Pick<Facts, "content">,
  { controller }: Pick<DiskAdd, "controller">,
): Promise<ScsiFacts> {
  const word = controller ?? content.runtime.hvparams.scsiController;
  const scsi = await readScsiBuses(qmp);
  if (scsi.length > 0 || await hasModel(qmp, controllerModel(word))) {
    return { scsi };
  }
  const controllerFault =
    `The VM has no SCSI controller, and this QEMU has no device model ${word} that could be added`;
  return { scsi, controllerFault };
}

/** Why a driver cannot serve a source, undefined if no reason is known. */
export async function driverFault(
  driver: DiskDriver,
  { source, pinned, qmp }: {
    source: Source;
    pinned: Fd | undefined;
    qmp: QmpSession;
  },
): Promise<string | undefined> {
  const missing = await modelFault(qmp, driver);
  if (missing !== undefined || !isPassThrough(driver)) return missing;
  const { path } = source;
  if (source.kind !== "block" || pinned === undefined) {
    return `Cannot use ${path} as ${driver}: it must be a SCSI block device of this node`;
  }
  const fault = await passThroughFault(pinned, driver);
  return fault && `Cannot use ${path} as ${driver}: ${fault}`;
}
