/**
 * The properties of a disk's device: {@linkcode DeviceProperty}.
 *
 * @module
 */

import { MAX_DISK_QUEUES, VIRTIO_BLK } from "./disk_settings.ts";
import type { DeviceProperty } from "./properties.ts";

const VIRTIO = [VIRTIO_BLK];
/** Their blocks are emulated, so that they can have another size. */
const EMULATED = [VIRTIO_BLK, "scsi-hd", "nvme"];
const BLOCK_SIZE = { is: "power", min: 512, max: 32768 } as const;
const LEFT_OPEN = "the size of a block device; 512 for a file";

/**
 * Longest serial number: VIRTIO_BLK_ID_BYTES, the field of NVMe, and what SCSI
 * takes as a device id, too (QEMU's scsi-disk.c).
 */
export const MAX_SERIAL = 20;

/** All that can be given, in the order of the usage text. */
export const DISK_PROPERTIES = [
  {
    option: "serial",
    shown: "serial S",
    key: "serial",
    drivers: [VIRTIO_BLK, "scsi-hd", "scsi-cd", "nvme"],
    form: { is: "text", max: MAX_SERIAL },
    blank: "",
    help:
      `serial number, as in the guest's /dev/disk/by-id, at most ${MAX_SERIAL} characters (uuid: the beginning of the uuid)`,
    fallback: "none",
    told: "Its serial number as the guest sees it; null if none was given.",
  },
  {
    option: "wwn",
    shown: "wwn W",
    key: "wwn",
    drivers: ["scsi-hd", "scsi-cd"],
    form: { is: "wwn" },
    blank: 0,
    help: "World Wide Name of a SCSI disk: 16 hexadecimal digits",
    fallback: "none",
    told: "Its World Wide Name; null if none was given.",
  },
  {
    option: "logical-block-size",
    shown: "logical-block-size N",
    key: "logical_block_size",
    drivers: EMULATED,
    form: BLOCK_SIZE,
    blank: 512,
    help: "bytes of a sector, a power of two from 512 to 32768",
    fallback: LEFT_OPEN,
    told: "The bytes of its sectors; null if they were left to QEMU.",
  },
  {
    option: "physical-block-size",
    shown: "physical-block-size N",
    key: "physical_block_size",
    drivers: EMULATED,
    form: BLOCK_SIZE,
    blank: 512,
    help: "bytes that the disk writes at once, a power of two, 512 to 32768",
    fallback: LEFT_OPEN,
    told: "The bytes that it writes at once; null if they were left to QEMU.",
  },
  {
    option: "bootindex",
    shown: "bootindex N",
    key: "bootindex",
    drivers: [...EMULATED, "scsi-cd", "scsi-block", "scsi-generic"],
    form: { is: "number", min: 0, max: 999_999_999 },
    blank: -1,
    help: "place in the firmware's boot order; no other device may have it",
    fallback: "none",
    told: "Its place in the boot order; null if none was given.",
  },
  {
    option: "rotation-rate",
    shown: "rotation-rate N",
    key: "rotation_rate",
    drivers: ["scsi-hd", "scsi-block"],
    form: { is: "number", min: 1, max: 65534 },
    blank: 0,
    help: "rotations per minute of a SCSI disk; 1: a solid-state disk",
    fallback: "not told",
    told: "Its rotations per minute, 1 for a solid-state disk; null if unset.",
  },
  {
    option: "werror",
    shown: "werror W",
    key: "werror",
    drivers: [VIRTIO_BLK, "scsi-hd", "scsi-cd", "scsi-block"],
    form: { is: "word", words: ["enospc", "report", "stop", "ignore"] },
    blank: "auto",
    help:
      "if writing fails: report (tell the guest), ignore, stop (pause the VM) or enospc (stop if no space is left, else report)",
    fallback: "enospc",
    told: "The action when writing fails; null if it was left to QEMU.",
  },
  {
    option: "rerror",
    shown: "rerror W",
    key: "rerror",
    drivers: [VIRTIO_BLK, "scsi-hd", "scsi-cd", "scsi-block"],
    form: { is: "word", words: ["report", "stop", "ignore"] },
    blank: "auto",
    help:
      "if reading fails: report (tell the guest), ignore or stop (pause the VM)",
    fallback: "report",
    told: "The action when reading fails; null if it was left to QEMU.",
  },
  {
    option: "queues",
    shown: "queues N",
    key: "num-queues",
    drivers: VIRTIO,
    form: { is: "number", min: 1, max: MAX_DISK_QUEUES },
    help: `virtio-blk queues, 1 to ${MAX_DISK_QUEUES}`,
    told: "Its queues; null if they were left to QEMU.",
  },
  {
    option: "iothread",
    shown: "iothread ID",
    key: "iothread",
    drivers: VIRTIO,
    form: { is: "id" },
    blank: "",
    help: "an iothread of the instance",
    fallback: "the main loop",
    told: "Its iothread, if hvinfo has one; else null.",
  },
] as const satisfies readonly DeviceProperty[];

/** The option's name of one of them. */
export type DiskPropertyName = typeof DISK_PROPERTIES[number]["option"];
