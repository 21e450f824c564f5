/**
 * The block backend that a disk of QEMU reads and writes. Pure.
 *
 * @module
 */

import type { BlockBackend } from "../qmp/commands.ts";
import type { DiskEntry } from "../state/runtime.ts";

/**
 * The device id in a `qdev` of query-block: the id itself, or the QOM path of
 * the device or of a part of it.
 *
 * @returns undefined for a device without an id
 */
export function frontendId(qdev: string): string | undefined {
  if (qdev === "") return undefined;
  if (!qdev.startsWith("/")) return qdev;
  return /^\/machine\/peripheral\/([^/]+)/.exec(qdev)?.[1];
}

/**
 * Whether a drive of this name serves a device without an id, made by `-drive
 * if=ide` or `if=virtio`: it is in QEMU, and cannot be unplugged.
 */
export function servesUnnamed(
  backends: readonly BlockBackend[],
  id: string,
): boolean {
  return backends.some(({ device, qdev }) =>
    device === id && qdev !== "" && frontendId(qdev) === undefined
  );
}

/**
 * Whether a backend serves this device without an id, made by `-device`: its
 * block node may have been replaced, so no name tells.
 *
 * @param number among the devices without an id; undefined: it has one
 */
export function servesAnonymous(
  { qdev }: Pick<BlockBackend, "qdev">,
  number: number | undefined,
): boolean {
  return number !== undefined &&
    qdev === `/machine/peripheral-anon/device[${number}]`;
}

/** Whether a backend is firmware that is mapped into the machine: hw/i386/pc_sysfw.c. */
export function isFirmware({ qdev }: Pick<BlockBackend, "qdev">): boolean {
  return /\.flash\d$/.test(qdev);
}

/**
 * A node-name that QEMU invented: no command can delete such a node by name.
 */
export function isMadeUp(nodeName: string): boolean {
  return nodeName === "" || nodeName.startsWith("#");
}

/** Our names for the nodes of media that do not lie in one of Ganeti's disks. */
export const MEDIUM_NODE = "medium-";

/**
 * The backend of a device; if the device is gone, the backend that it left
 * behind: a drive or node of the same name, as Ganeti names them (SPEC 3.1).
 */
export function backendOf(
  backends: readonly BlockBackend[],
  id: string,
): BlockBackend | undefined {
  return backends.find(({ qdev }) => frontendId(qdev) === id) ??
    backends.find(({ qdev, device, nodeName }) =>
      qdev === "" && (device === id || nodeName === id)
    );
}

/** Whether a live CD-ROM drive has lost its recorded medium. */
export function isEmptied(
  { hvinfo }: DiskEntry,
  backends: readonly BlockBackend[] = [],
): boolean {
  const { id, driver } = hvinfo;
  return driver === "scsi-cd" && id !== undefined &&
    backends.some(({ qdev, nodeName }) =>
      frontendId(qdev) === id && nodeName === ""
    );
}

/** The other disks with the same limits: the throttle group has them all. */
export function sharersOf(
  backends: readonly BlockBackend[],
  { throttleGroup: group, ...backend }: BlockBackend,
): BlockBackend[] {
  if (group === undefined) return [];
  return backends.filter((one) =>
    one.throttleGroup === group &&
    (one.qdev !== backend.qdev || one.device !== backend.device)
  );
}

/**
 * The limit group of a disk. QEMU has a group for each disk with limits, which
 * it names after the disk: such a group counts if other disks are in it.
 */
export function groupOf(
  backends: readonly BlockBackend[],
  backend: BlockBackend,
): string | undefined {
  const { throttleGroup: group, qdev, device } = backend;
  if (group === undefined) return undefined;
  const isOwn = [qdev, device, frontendId(qdev)].includes(group);
  return isOwn && sharersOf(backends, backend).length === 0 ? undefined : group;
}
