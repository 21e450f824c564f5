/**
 * Files on which some calls answer at once: no call has to wait for a device or
 * another machine, so it needs no thread.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { statFd } from "./file_status.ts";
import { fileSystemOf } from "./mounts.ts";

/**
 * Where an open inode and its content are:
 *
 * - `memory`: a regular file, all of it in this kernel's memory;
 * - `device`: a block device with a node in memory. To open it or to read it
 *   asks its driver;
 * - `disk`: on a local file system. Status and locks of an open inode are in
 *   memory. To open it may read its access control list, and to read it may
 *   write its time of access, even if its pages are in memory: on ext4 over a
 *   device that did not answer, both hung;
 * - `unknown`: any call may hang, for example on NFS or FUSE.
 */
export type Keeping = "memory" | "device" | "disk" | "unknown";

/** The calls that answer at once. */
const PROMPT = {
  memory: ["faccessat", "fcntl", "openat", "pread", "statx"],
  device: ["faccessat", "fcntl", "statx"],
  disk: ["fcntl", "statx"],
  unknown: [],
} as const satisfies Record<Keeping, readonly string[]>;

/** Types of file systems, as in /proc/self/mountinfo. */
const IN_MEMORY = ["devtmpfs", "ramfs", "tmpfs"];
const ON_DISK = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"];

/** An fd stays with its inode. */
const keepings = new WeakMap<Fd, Keeping>();

/** The keeping of a file; O_PATH suffices. Asks the kernel once for each fd. */
export function keepingOf(fd: Fd): Keeping {
  const known = keepings.get(fd);
  if (known !== undefined) return known;
  const found = findKeeping(fd);
  keepings.set(fd, found);
  return found;
}

/** Tells that an fd was opened of the same inode as another. */
export function keepAs(fd: Fd, other: Fd): void {
  keepings.set(fd, keepingOf(other));
}

/** Whether a call on this file answers at once. */
export function isPrompt(call: string, fd: Fd): boolean {
  const calls: readonly string[] = PROMPT[keepingOf(fd)];
  return calls.includes(call);
}

function findKeeping(fd: Fd): Keeping {
  const type = fileSystemOf(fd) ?? "";
  const isInMemory = IN_MEMORY.includes(type);
  if (!isInMemory && !ON_DISK.includes(type)) return "unknown";
  const { kind } = statFd(fd, { sync: "no" });
  if (kind !== "file" && kind !== "block") return "unknown";
  if (!isInMemory) return "disk";
  return kind === "file" ? "memory" : "device";
}
