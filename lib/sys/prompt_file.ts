/**
 * Files on which some calls answer at once: no call has to wait for a device or
 * another machine, so it needs no thread.
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { statFd } from "./file_status.ts";
import { IOVEC_SIZE } from "./layout.ts";
import { libc } from "./libc.ts";
import { fileSystemOf } from "./mounts.ts";

/**
 * Where an open inode and its content are:
 *
 * - `memory`: all of it in this kernel's memory;
 * - `disk`: a regular file of a local file system. An open inode is in memory:
 *   to ask for its status or its locks, or to open it once more, reads nothing;
 * - `device`: a block device. Its node is in memory, but to open it asks its
 *   driver;
 * - `unknown`: any call may hang, for example on NFS or FUSE.
 */
export type Keeping = "memory" | "disk" | "device" | "unknown";

/** The calls that answer at once. */
const PROMPT = {
  memory: ["faccessat", "fcntl", "openat", "pread", "statx"],
  disk: ["faccessat", "fcntl", "openat", "statx"],
  device: ["faccessat", "fcntl", "statx"],
  unknown: [],
} as const satisfies Record<Keeping, readonly string[]>;

/** Types of file systems, as in /proc/self/mountinfo. */
const IN_MEMORY = ["tmpfs", "ramfs"];
const ON_DISK = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs"];
const OF_NODES = [...IN_MEMORY, ...ON_DISK, "devtmpfs"];

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
  const { kind } = statFd(fd, { sync: "no" });
  if (kind !== "file" && kind !== "block") return "unknown";
  const type = fileSystemOf(fd) ?? "";
  if (kind === "block") return OF_NODES.includes(type) ? "device" : "unknown";
  if (IN_MEMORY.includes(type)) return "memory";
  return ON_DISK.includes(type) ? "disk" : "unknown";
}

/** linux/fs.h: EAGAIN instead of a wait for the disk. */
const RWF_NOWAIT = 8;

/**
 * Reads a part of a file if its pages are in memory.
 *
 * @param part.length The most that is read, in bytes.
 * @returns The bytes, fewer than `length` maybe, none at the end of the file;
 * undefined if they are not in memory, or the file system cannot tell: then
 * read them in a thread.
 */
export function readPartCached(
  fd: Fd,
  { offset, length }: { readonly offset: number; readonly length: number },
): Uint8Array<ArrayBuffer> | undefined {
  const memory = new ArrayBuffer(IOVEC_SIZE + length);
  const view = new DataView(memory);
  const base = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
  view.setBigUint64(0, BigInt(base) + BigInt(IOVEC_SIZE), true);
  view.setBigUint64(8, BigInt(length), true);
  // SAFETY: the iovec and the bytes that it points to lie in `memory`, which is
  // passed itself and so outlives the synchronous call; a failure is no answer.
  const count = libc.preadv2(fd.number, memory, 1, BigInt(offset), RWF_NOWAIT);
  return count < 0 ? undefined : new Uint8Array(memory, IOVEC_SIZE, count);
}
