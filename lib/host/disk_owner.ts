/**
 * Giving a disk to QEMU's user, and back. The inode is held all the while, and
 * only its owner is changed.
 *
 * @module
 */

import { refuse, type Remaining } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { duplicate, fchown, statFd } from "../sys/file.ts";
import { openWithoutLinks } from "../sys/file_lookup.ts";
import { O } from "../sys/layout.ts";
import { type GivenOwner, inodeKey } from "./access_record.ts";

/** chown(2): an id of -1 is left as it is. */
const KEEP = 0xffffffff;

/** Opens a recorded path; undefined if it leads nowhere now, or by a link. */
export function openRecorded(path: string, flags: number): Fd | undefined {
  const open = () => openWithoutLinks(path, flags);
  return unlessRefused(open, "ENOENT", "ENOTDIR", "ELOOP");
}

/**
 * The very inode that is recorded, undefined if it is not there any more.
 *
 * @param pinned an fd of the disk from before, wherever it has been moved since
 */
function hold({ path, inode }: GivenOwner, pinned?: Fd): Fd | undefined {
  const known = pinned !== undefined && inodeKey(statFd(pinned)) === inode;
  const fd = known ? duplicate(pinned) : openRecorded(path, O.PATH);
  if (fd === undefined || inodeKey(statFd(fd)) === inode) return fd;
  fd.close();
  return undefined;
}

/**
 * Gives the disk to QEMU's user.
 *
 * @param pinned an O_PATH fd of the disk, if there is one; stays the caller's
 * @throws {HotplugError} `refused` if another file is there now
 */
export function giveOwner(given: GivenOwner, pinned?: Fd): void {
  using fd = hold(given, pinned);
  if (fd === undefined) {
    throw refuse(
      `Cannot give ${given.path} to uid ${given.to}: it is another file than a moment ago`,
    );
  }
  const { uid } = statFd(fd);
  // Already given for another disk entry of the same file: ../operation.
  if (uid !== given.from && uid !== given.to) {
    throw refuse(
      `Cannot give ${given.path} to uid ${given.to}: it belongs to uid ${uid}, not to uid ${given.from} as a moment ago`,
    );
  }
  fchown(fd, given.to, KEEP);
}

/** The recorded file is not where it was. */
function moved({ path, inode, from, to }: GivenOwner): Remaining {
  const [device, number] = inode.split(" ");
  return {
    what:
      `${path} is not the disk that was given to uid ${to} any more (inode ${number} of device ${device}): nothing was given back`,
    hint:
      `find that inode (find -xdev -inum ${number}) and chown ${from} it, unless it was deleted`,
  };
}

/**
 * Gives the disk back; what somebody else owns by now is left alone, and so is
 * another file in its place.
 *
 * @param pinned an O_PATH fd of the disk, if there is one; stays the caller's
 * @returns what was left alone, undefined if the disk is as it was before
 */
export function returnOwner(
  given: GivenOwner,
  pinned?: Fd,
): Remaining | undefined {
  using fd = hold(given, pinned);
  if (fd === undefined) return moved(given);
  const { uid } = statFd(fd);
  const { path, from, to } = given;
  if (uid === from) return undefined;
  if (uid !== to) {
    return {
      what:
        `${path} belongs to uid ${uid}, not to uid ${to} that it was given to: it was not given back`,
      hint:
        `chown ${from} ${path} makes it as it was before, if nobody else needs it`,
    };
  }
  fchown(fd, from, KEEP);
  return undefined;
}

/** Whose the disk is now; undefined if it is gone. */
export function ownerNow(given: GivenOwner): number | undefined {
  using fd = hold(given);
  return fd && statFd(fd).uid;
}
