/**
 * QEMU's drivers for a disk in the view of the guest.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { isParavirtual, VIRTIO_BLK } from "./disk_settings.ts";

/** Drivers of disks on a SCSI bus: SPEC 4.2. */
const SCSI_DRIVERS = [
  "scsi-hd",
  "scsi-block",
  "scsi-generic",
  "scsi-cd",
] as const;

/** Drivers that can be hotplugged. */
export const DISK_DRIVERS = [VIRTIO_BLK, ...SCSI_DRIVERS, "nvme"] as const;

/** One of a disk on a SCSI bus. */
export type ScsiDriver = typeof SCSI_DRIVERS[number];

/** A driver that can be hotplugged. */
export type DiskDriver = typeof DISK_DRIVERS[number];

/**
 * Controllers with which Ganeti can start a VM: hvparam scsi_controller_type.
 */
export const CONTROLLERS: readonly string[] = [
  "lsi",
  "virtio-scsi-pci",
  "megasas",
  "dc390",
];

/** Given in place of a source: a drive without a medium. */
export const NO_SOURCE = "none";

/**
 * Frontends of the host's own SCSI devices: they have no cache of QEMU and no
 * format.
 */
const PASS_THROUGH: readonly string[] = ["scsi-block", "scsi-generic"];

/**
 * Words of hvparam `disk_type` that name an interface, not a device: a start
 * then ignores the drivers of all entries.
 */
export const INTERFACES: readonly string[] = [
  "ide",
  "scsi",
  "sd",
  "mtd",
  "pflash",
];

/**
 * Whether a start with this hvparam `disk_type` uses the drivers of the
 * entries.
 */
export function heedsDrivers(diskType: string): boolean {
  return !INTERFACES.includes(diskType);
}

/** As {@linkcode diskDriver}, but undefined for an unknown word. */
export function findDriver(word: string): DiskDriver | undefined {
  return isParavirtual(word)
    ? VIRTIO_BLK
    : DISK_DRIVERS.find((one) => one === word);
}

/**
 * The QEMU driver for a word of `--driver` or hvparam `disk_type`.
 *
 * @throws {HotplugError} `unsupported`
 */
export function diskDriver(word: string): DiskDriver {
  const found = findDriver(word);
  if (found !== undefined) return found;
  throw new HotplugError(
    "unsupported",
    `Cannot hotplug a disk of type ${JSON.stringify(word)}: ${
      DISK_DRIVERS.join(", ")
    } (Ganeti: paravirtual) are supported`,
    { hint: `--driver ${VIRTIO_BLK} plugs it as a virtio disk` },
  );
}

/** Whether a disk of this driver is on a SCSI bus, not on PCI. */
export function isScsi(driver: string): driver is ScsiDriver {
  return SCSI_DRIVERS.some((one) => one === driver);
}

/** Whether the guest's commands go to the host's device unchanged. */
export function isPassThrough(driver: string): boolean {
  return PASS_THROUGH.includes(driver);
}

/** The access to a disk's source: no guest ever writes to a CD-ROM. */
export function accessFor(
  driver: DiskDriver | undefined,
  asked: "rw" | "ro" | undefined,
): "rw" | "ro" {
  return driver === "scsi-cd" ? "ro" : asked ?? "rw";
}
