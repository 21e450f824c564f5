/**
 * What was changed on this node so that QEMU reaches a disk, and how it was
 * before: all that giving it back needs.
 *
 * @module
 */

import type { FileStatus } from "../sys/file.ts";
import type { HeldTap } from "./tap_holders.ts";

/** How QEMU gets at a disk, safest first. */
export const VIAS = ["fdset", "path", "chown", "mknod", "uri"] as const;
/** One of {@linkcode VIAS}. */
export type Via = typeof VIAS[number];

/** A disk's file or node that was given to QEMU's user. */
export interface GivenOwner {
  /** The way that needs it. */
  readonly way: "chown";
  /** Absolute, without links. */
  readonly path: string;
  /** Only this inode is given back: {@linkcode inodeKey}. */
  readonly inode: string;
  /** The uid before. */
  readonly from: number;
  /** QEMU's uid; another owner found there is not ours to change. */
  readonly to: number;
}

/** A node of a block device that was made in QEMU's root directory. */
export interface ChrootNode {
  /** The way that needs it. */
  readonly way: "mknod";
  /** QEMU's root directory: absolute, without links. */
  readonly root: string;
  /** Only there something is removed: {@linkcode inodeKey}. */
  readonly rootInode: string;
  /** File name in the root directory. */
  readonly name: string;
  /** The device it names, `major:minor`. */
  readonly rdev: string;
  /** Its owner: QEMU's uid. */
  readonly uid: number;
  /** `bind`: bind-mounted, the file system allows no nodes (nodev). */
  readonly kind: "node" | "bind";
  /** The directory's permissions before; null if they were left alone. */
  readonly rootMode: number | null;
}

/** A tap that QEMU opens by its name, and that stays without it. */
export interface KeptTap {
  /** The way that needs it. */
  readonly way: "tap";
  /** At most 15 characters. */
  readonly name: string;
  /** Who may open it; one of another's is not ours to remove. */
  readonly uid: number;
}

/** What must be given back when a device is gone. */
export type AccessRecord = GivenOwner | ChrootNode | KeptTap | HeldTap;

/** What it is the way to: ./identity.ts. */
export function identityReached(access: GivenOwner | ChrootNode): string {
  if (access.way === "mknod") return `block ${access.rdev}`;
  const [device, inode, rdev] = access.inode.split(" ");
  return rdev === "0:0" ? `file ${device} ${inode}` : `block ${rdev}`;
}

/** Tells an inode from every other, and a node from another device's. */
export function inodeKey({ device, inode, rdev }: FileStatus): string {
  return `${device} ${inode} ${rdev}`;
}
