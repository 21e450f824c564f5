/**
 * Makes and removes the node of a block device in QEMU's root directory, by a
 * held directory fd. Follows no link, and does not touch files that existed
 * before.
 *
 * @module
 */

import { dirname, join } from "@std/path/posix";
import { refuse, type Remark, remark } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  fchmod,
  fchown,
  type FileStatus,
  mknodBlock,
  openFile,
  statFd,
  statPath,
  unlink,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { bindMount, unmount } from "../sys/mount.ts";
import { type ChrootNode, inodeKey } from "./access_record.ts";
import { openRecorded } from "./disk_owner.ts";
import { namesIn } from "./look.ts";

/**
 * A folder in which device nodes can always be made: the origin of a bind
 * mount.
 */
const DEV = "/dev";

/** Makes a root directory of mode 0700 passable: search, no reading. */
const PASSABLE = 0o011;

/** For a node that only QEMU uses. */
const NODE_MODE = 0o600;

function statIn(dir: Fd, name: string): FileStatus | undefined {
  return unlessRefused(
    () => statPath(name, { dir, followLinks: "no" }),
    "ENOENT",
  );
}

/** QEMU's root directory, undefined if another directory is there now. */
function openRoot(
  { root, rootInode }: Pick<ChrootNode, "root" | "rootInode">,
): Fd | undefined {
  const fd = openRecorded(root, O.RDONLY | O.DIRECTORY);
  if (fd === undefined || inodeKey(statFd(fd)) === rootInode) return fd;
  fd.close();
  return undefined;
}

/**
 * When a VM has ended, Ganeti moves its root directory away if it is not empty,
 * and our node makes it not empty: SPEC 1.2, `chroot-quarantine`.
 */
function quarantined({ root }: ChrootNode): string[] {
  const folder = join(dirname(dirname(root)), "chroot-quarantine");
  // There is almost never more than one.
  return namesIn(folder).map((name) => join(folder, name));
}

/** The same directory, even if Ganeti has moved it. */
function openRootWhereverItIs(node: ChrootNode): Fd | undefined {
  const here = openRoot(node);
  if (here !== undefined) return here;
  for (const root of quarantined(node)) {
    const fd = openRoot({ ...node, root });
    if (fd !== undefined) return fd;
  }
  return undefined;
}

/** Makes the node with its owner and mode; on failure it is removed. */
function makeNode(
  dir: Fd,
  { name, rdev, uid }: Pick<ChrootNode, "name" | "rdev" | "uid">,
): void {
  // No permission at all until the node has its owner.
  mknodBlock(name, { dir, rdev, mode: 0 });
  try {
    const status = statPath(name, { dir, followLinks: "no" });
    using fd = openFile(name, O.PATH | O.NOFOLLOW, { dir });
    if (status.kind !== "block" || inodeKey(statFd(fd)) !== inodeKey(status)) {
      throw refuse(`${name} was replaced while it was made`);
    }
    fchown(fd, uid, 0);
    // fchmod(2) does not accept O_PATH; the magic link leads to the same inode.
    Deno.chmodSync(`/proc/self/fd/${fd.number}`, NODE_MODE);
  } catch (error) {
    unlink(name, { dir });
    throw error;
  }
}

/** Makes the node in /dev, mounts it onto an empty file, and unlinks it. */
function makeMount(root: Fd, node: ChrootNode): void {
  using dev = openFile(DEV, O.PATH | O.DIRECTORY);
  const name = originOf(node);
  makeNode(dev, { ...node, name });
  try {
    const flags = O.RDONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
    openFile(node.name, flags, { dir: root, mode: 0o600 }).close();
    using from = openFile(name, O.PATH | O.NOFOLLOW, { dir: dev });
    using onto = openFile(node.name, O.PATH | O.NOFOLLOW, { dir: root });
    bindMount(from, onto);
  } finally {
    unlink(name, { dir: dev });
  }
}

/** A name that stands in /dev for a moment; it names its owner. */
function originOf({ name }: ChrootNode): string {
  return `.kvm-hotplug-${name}`;
}

/**
 * Makes the node, and makes the directory passable for QEMU.
 *
 * @throws {HotplugError} `refused` if QEMU's root directory is another one now
 * @throws {SysError} `EEXIST` if the name exists
 */
export function makeChrootNode(node: ChrootNode): void {
  using root = openRoot(node);
  if (root === undefined) {
    throw refuse(`${node.root} was replaced by another directory`);
  }
  if (node.kind === "node") makeNode(root, node);
  else makeMount(root, node);
  if (node.rootMode !== null) fchmod(root, node.rootMode | PASSABLE);
}

/**
 * Whether it is the node that was made, and not another file of the same name.
 * The record has no inode, because the inode is not known before the node
 * exists.
 */
function isOurNode(
  status: FileStatus | undefined,
  { rdev, uid }: ChrootNode,
): boolean {
  if (status?.kind !== "block" || status.rdev !== rdev) return false;
  const whole = status.uid === uid && status.mode === NODE_MODE;
  // The state after a kill before or after fchown(2).
  const half = status.mode === 0 && [0, uid].includes(status.uid);
  return whole || half;
}

function isPlaceholder(status: FileStatus | undefined): boolean {
  return status?.kind === "file" && status.uid === 0 && status.sizeBytes === 0;
}

function removeMount(root: Fd, node: ChrootNode): void {
  if (isOurNode(statIn(root, node.name), node)) unmount(root, node.name);
  if (isPlaceholder(statIn(root, node.name))) unlink(node.name, { dir: root });
  using dev = openFile(DEV, O.PATH | O.DIRECTORY);
  const origin = originOf(node);
  if (isOurNode(statIn(dev, origin), node)) unlink(origin, { dir: dev });
}

/** The file that still has the node's name after the removal of the node. */
function strangerIn(root: Fd, node: ChrootNode): Remark | undefined {
  if (statIn(root, node.name) === undefined) return undefined;
  const path = `${node.root}/${node.name}`;
  return remark(
    "node-replaced",
    `${path} was replaced: it is not the node that kvm-hotplug made (device ${node.rdev}, uid ${node.uid}, mode 0600), so it was not removed`,
    {
      hint:
        `find out which program made it; if no program needs it, run: rm ${path}`,
    },
  );
}

/**
 * Removes the node; leaves any other file alone. May be repeated.
 *
 * @returns the file that was left alone, undefined if the name is free
 */
export function removeChrootNode(node: ChrootNode): Remark | undefined {
  using root = openRootWhereverItIs(node);
  if (root === undefined) return undefined;
  if (node.kind === "bind") removeMount(root, node);
  else if (isOurNode(statIn(root, node.name), node)) {
    unlink(node.name, { dir: root });
  }
  const passable = node.rootMode !== null &&
    statFd(root).mode === (node.rootMode | PASSABLE);
  if (passable) fchmod(root, node.rootMode ?? 0);
  return strangerIn(root, node);
}

/** Whether any part is left: the directory's permissions, too. */
export function hasNodeTraces(node: ChrootNode): boolean {
  using root = openRootWhereverItIs(node);
  if (root === undefined) return false;
  const { name, kind, rootMode } = node;
  const there = statIn(root, name);
  if (isOurNode(there, node)) return true;
  if (kind === "bind" && isPlaceholder(there)) return true;
  return rootMode !== null && rootMode !== (rootMode | PASSABLE) &&
    statFd(root).mode === (rootMode | PASSABLE);
}

/** Whether the node is there. */
export function hasChrootNode(node: ChrootNode): boolean {
  using root = openRoot(node);
  return root !== undefined && isOurNode(statIn(root, node.name), node);
}
