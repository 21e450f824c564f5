/**
 * The changes that were made on this node so that QEMU can open a disk, with
 * the state before: all data that is needed to undo them.
 *
 * @module
 */

import type { FileStatus } from "../sys/file.ts";
import type { HeldTap } from "./tap_holders.ts";

/** The ways by which QEMU opens a disk, safest first. */
export const VIAS = ["fdset", "path", "chown", "mknod", "uri"] as const;
/** One of {@linkcode VIAS}. */
export type Via = typeof VIAS[number];

/** A disk's file or node that was given to QEMU's user. */
export interface GivenOwner {
  /** The way that needs this change. */
  readonly way: "chown";
  /** Absolute, without links. */
  readonly path: string;
  /** Only this inode is given back: {@linkcode inodeKey}. */
  readonly inode: string;
  /** The uid before. */
  readonly from: number;
  /** QEMU's uid; if the file has another owner, it is left alone. */
  readonly to: number;
}

/** A node of a block device that was made in QEMU's root directory. */
export interface ChrootNode {
  /** The way that needs this change. */
  readonly way: "mknod";
  /** QEMU's root directory: absolute, without links. */
  readonly root: string;
  /** Only in this inode a file is removed: {@linkcode inodeKey}. */
  readonly rootInode: string;
  /** File name in the root directory. */
  readonly name: string;
  /** The device that it names, `major:minor`. */
  readonly rdev: string;
  /** Its owner: QEMU's uid. */
  readonly uid: number;
  /** `bind`: bind-mounted, the file system allows no nodes (nodev). */
  readonly kind: "node" | "bind";
  /** The directory's permissions before; null if they were left alone. */
  readonly rootMode: number | null;
}

/** A tap that QEMU opens by its name, and that stays without QEMU. */
export interface KeptTap {
  /** The way that needs this change. */
  readonly way: "tap";
  /** At most 15 characters. */
  readonly name: string;
  /** The user who may open it; a tap of another user is not removed. */
  readonly uid: number;
}

/** The changes that must be undone when a device is gone. */
export type AccessRecord = GivenOwner | ChrootNode | KeptTap | HeldTap;

/**
 * The identity of the file or device that it makes reachable: ./identity.ts.
 */
export function identityReached(access: GivenOwner | ChrootNode): string {
  if (access.way === "mknod") return `block ${access.rdev}`;
  const [device, inode, rdev] = access.inode.split(" ");
  return rdev === "0:0" ? `file ${device} ${inode}` : `block ${rdev}`;
}

/** A key that differs for each inode, and for nodes of different devices. */
export function inodeKey({ device, inode, rdev }: FileStatus): string {
  return `${device} ${inode} ${rdev}`;
}
