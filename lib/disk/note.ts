/**
 * Notes about disks in the tool's own record.
 *
 * @module
 */

import { AIOS, DISCARDS } from "../device/disk_settings.ts";
import {
  type IoLimits,
  mergeLimits,
  THROTTLE_GROUP,
} from "../device/io_limits.ts";
import {
  type ChrootNode,
  type GivenOwner,
  VIAS,
} from "../host/access_record.ts";
import {
  inventedUuid,
  type OwnDevice,
  pendingRemoval,
} from "../state/own_check.ts";
import {
  type Check,
  dictionary,
  either,
  type Of,
  openObject,
  orNull,
  plainPath,
  qemuId,
  text,
  whole,
  word,
} from "../state/value_check.ts";

const INODE = text(/^\d+:\d+ \d+ \d+:\d+$/);
const ID = whole(0, 2 ** 32 - 2);

/** A disk that was given to QEMU's user. */
export const givenOwner: Check<GivenOwner> = openObject({
  way: word("chown"),
  path: plainPath,
  inode: INODE,
  from: ID,
  to: ID,
});

/** A node that was made for QEMU. */
export const chrootNode: Check<ChrootNode> = openObject({
  way: word("mknod"),
  root: plainPath,
  rootInode: INODE,
  name: qemuId,
  rdev: text(/^\d{1,4}:\d{1,7}$/),
  uid: ID,
  kind: word("node", "bind"),
  rootMode: orNull(whole(0, 0o7777)),
});

/** The note about a disk. */
export const diskNote = openObject({ kind: word("disk") }, {
  via: word(...VIAS),
  access: either(givenOwner, chrootNode),
  // By the words of our options; words of a later release mean nothing here.
  limits: dictionary(/^[a-z][a-z-]{0,31}$/, whole(0, Number.MAX_SAFE_INTEGER)),
  // The group of disks that share these limits.
  limitGroup: text(THROTTLE_GROUP),
  // If they differ from the hvparams: QEMU tells neither of them.
  aio: word(...AIOS),
  discard: word(...DISCARDS),
  pending: pendingRemoval,
  ...inventedUuid,
});

/** The note about a disk. */
export type DiskNote = Of<typeof diskNote>;

/** The noted settings of a disk. */
export interface DiskNotes {
  /** Without names of a later release, which mean nothing here. */
  readonly limits: IoLimits;
  /** The group of disks that share them. */
  readonly limitGroup: string | undefined;
  /** If it differs from the hvparams. */
  readonly aio: string | undefined;
  /** If it differs from the hvparams. */
  readonly discard: string | undefined;
}

/** The noted settings of a disk. */
export function diskNotes(noted: OwnDevice | null | undefined): DiskNotes {
  const { limits = {}, limitGroup, aio, discard } = diskNote(noted)
    ? noted
    : {};
  return { limits: mergeLimits({}, limits), limitGroup, aio, discard };
}
