/**
 * Whether a block device of this node accepts SCSI commands, which QEMU's
 * pass-through drivers need.
 *
 * @module
 */

import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { ioctl } from "../sys/ioctl.ts";
import { O } from "../sys/layout.ts";
import { openFileWithin, procPath } from "../sys/file.ts";

/** include/scsi/sg.h */
const SG_GET_VERSION_NUM = 0x2282;
const SG_GET_SCSI_ID = 0x2276;

/** struct sg_scsi_id of include/scsi/sg.h. */
const SCSI_ID_BYTES = 32;

/** QEMU asks for this version of the interface: hw/scsi/scsi-disk.c. */
const MIN_VERSION = 30_000;

/** An open that takes longer ends, in milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;

function versionOf(fd: Fd): number {
  const answer = new Uint8Array(4);
  ioctl(fd, SG_GET_VERSION_NUM, answer, "SG_GET_VERSION_NUM");
  return new DataView(answer.buffer).getInt32(0, true);
}

/**
 * Asks the questions that QEMU will ask; reads no data of the device.
 *
 * @param pinned O_PATH; stays the caller's
 * @returns why QEMU would refuse it, undefined if it would not
 */
export async function passThroughFault(
  pinned: Fd,
  driver: string,
): Promise<string | undefined> {
  try {
    const flags = O.RDONLY | O.NONBLOCK;
    await using fd = await openFileWithin(procPath(pinned), flags, {
      label: pinned.label,
      timeoutMs: OPEN_TIMEOUT_MS,
    });
    if (versionOf(fd) < MIN_VERSION) return "its SCSI interface is too old";
    if (driver === "scsi-generic") {
      // hw/scsi/scsi-generic.c; only /dev/sgN answers it on most kernels.
      const id = new Uint8Array(SCSI_ID_BYTES);
      ioctl(fd, SG_GET_SCSI_ID, id, "SG_GET_SCSI_ID");
    }
    return undefined;
  } catch (error) {
    if (error instanceof SysError) {
      return `it does not accept SCSI commands (${error.code})`;
    }
    if (error instanceof DeadlineError) return error.message;
    throw error;
  }
}
