/**
 * What the tool's own record has of disks.
 *
 * @module
 */

import { AIOS, DISCARDS } from "../device/disk_settings.ts";
import { type IoLimits, mergeLimits } from "../device/io_limits.ts";
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

/** What is noted of a disk. */
export const diskNote = openObject({ kind: word("disk") }, {
  via: word(...VIAS),
  access: either(givenOwner, chrootNode),
  // By the words of our options; those of a later release mean nothing here.
  limits: dictionary(/^[a-z][a-z-]{0,31}$/, whole(0, Number.MAX_SAFE_INTEGER)),
  // Where they are not as the hvparams say: QEMU tells of neither.
  aio: word(...AIOS),
  discard: word(...DISCARDS),
  pending: pendingRemoval,
  ...inventedUuid,
});

/** What is noted of a disk. */
export type DiskNote = Of<typeof diskNote>;

/** What is noted of how a disk behaves. */
export interface DiskNotes {
  /** Without names of a later release, which mean nothing here. */
  readonly limits: IoLimits;
  /** Where it is not as the hvparams say. */
  readonly aio: string | undefined;
  /** Likewise. */
  readonly discard: string | undefined;
}

/** What is noted of a disk. */
export function diskNotes(noted: OwnDevice | null | undefined): DiskNotes {
  const { limits = {}, aio, discard } = diskNote(noted) ? noted : {};
  return { limits: mergeLimits({}, limits), aio, discard };
}
