/**
 * Gives a disk to QEMU's user, and back. The inode is held during the change,
 * and only its owner is changed.
 *
 * @module
 */

import { hostError, refuse, type Remark, remark } from "../errors.ts";
import { DeadlineError, unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  duplicate,
  fchown,
  type FileStatus,
  statFd,
  statFdWithin,
  TimeLimit,
} from "../sys/file.ts";
import { openWithoutLinks } from "../sys/file_lookup.ts";
import { O } from "../sys/layout.ts";
import { type GivenOwner, inodeKey } from "./access_record.ts";
import { leadOf } from "./identity.ts";

/** chown(2): -1 keeps an id. */
const KEEP = 0xffffffff;

/**
 * Opens a recorded path; undefined if it leads nowhere now, or through a link.
 */
export function openRecorded(path: string, flags: number): Fd | undefined {
  const open = () => openWithoutLinks(path, flags);
  return unlessRefused(open, "ENOENT", "ENOTDIR", "ELOOP");
}

/** The file system is used in a thread first: it may hang. */
async function openDisk(path: string): Promise<Fd | undefined> {
  const { fault } = await leadOf(path);
  if (fault !== undefined) throw hostError(`Cannot look at ${path}: ${fault}`);
  return openRecorded(path, O.PATH);
}

/**
 * The recorded inode, undefined if it is not there any more.
 *
 * @param pinned an fd of the disk from before, wherever the disk was moved
 * since
 */
async function hold(
  { path, inode }: GivenOwner,
  pinned?: Fd,
): Promise<Fd | undefined> {
  const isIt = (fd: Fd) => inodeKey(statFd(fd, { sync: "no" })) === inode;
  const known = pinned !== undefined && isIt(pinned);
  const fd = known ? duplicate(pinned) : await openDisk(path);
  if (fd === undefined || isIt(fd)) return fd;
  fd.close();
  return undefined;
}

/**
 * The question for the owner of a file ends after this time, in milliseconds.
 */
const STATUS_TIMEOUT_MS = 2_000;

async function statusOf(fd: Fd): Promise<FileStatus> {
  using limit = new TimeLimit(STATUS_TIMEOUT_MS);
  try {
    return await statFdWithin(fd, limit);
  } catch (error) {
    throw error instanceof DeadlineError
      ? hostError(error.message, error)
      : error;
  }
}

/**
 * Gives the disk to QEMU's user.
 *
 * @param pinned an O_PATH fd of the disk, if there is one; stays the caller's
 * @throws {HotplugError} `refused` if another file is there now
 */
export async function giveOwner(
  given: GivenOwner,
  pinned?: Fd,
): Promise<void> {
  using fd = await hold(given, pinned);
  if (fd === undefined) {
    throw refuse(
      `Cannot give ${given.path} to uid ${given.to}: it was replaced by another file`,
    );
  }
  const { uid } = await statusOf(fd);
  // Already given for another disk entry of the same file: ../operation.
  if (uid !== given.from && uid !== given.to) {
    throw refuse(
      `Cannot give ${given.path} to uid ${given.to}: it belongs to uid ${uid}, not to uid ${given.from} as a moment ago`,
    );
  }
  fchown(fd, given.to, KEEP);
}

/** The recorded file is not at its path any more. */
function moved({ path, inode, from, to }: GivenOwner): Remark {
  const [device, number] = inode.split(" ");
  return remark(
    "owner-moved",
    `${path} was replaced: it is not the disk that was given to uid ${to} (inode ${number} of device ${device}), so its owner was not changed back`,
    {
      hint:
        `find the disk (find -xdev -inum ${number}), and give it back to uid ${from} (chown ${from})`,
    },
  );
}

/**
 * Gives the disk back. If the disk has another owner now, or another file is in
 * its place, it is left alone.
 *
 * @param pinned an O_PATH fd of the disk, if there is one; stays the caller's
 * @returns the reason why it was left alone, undefined if the disk is as it was
 * before
 */
export async function returnOwner(
  given: GivenOwner,
  pinned?: Fd,
): Promise<Remark | undefined> {
  using fd = await hold(given, pinned);
  if (fd === undefined) return moved(given);
  const { uid } = await statusOf(fd);
  const { path, from, to } = given;
  if (uid === from) return undefined;
  if (uid !== to) {
    return remark(
      "owner-changed",
      `${path} belongs to uid ${uid}, but kvm-hotplug gave it to uid ${to}: its owner was not changed back`,
      {
        hint: `if no program needs this owner, run: chown ${from} ${path}`,
      },
    );
  }
  fchown(fd, from, KEEP);
  return undefined;
}

/** The owner of the disk now; undefined if the disk is gone. */
export async function ownerNow(given: GivenOwner): Promise<number | undefined> {
  using fd = await hold(given);
  return fd && (await statusOf(fd)).uid;
}
