/**
 * What a disk is made of: a file or block device of this node, looked at and
 * opened without trust in its path.
 *
 * @module
 */

import { messageOf, refuse } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  blockDeviceSize,
  type FileStatus,
  openFileWithin,
  statFd,
  statPath,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** A file or block device that was looked at. */
export interface Source {
  /** Absolute, as it was given: links in it are not resolved. */
  readonly path: string;
  /** Anything else is refused: INTERFACE, "Safety". */
  readonly kind: "file" | "block";
  /** Above 0. */
  readonly sizeBytes: number;
  /** Names the inode or block device: {@linkcode identityOf}. */
  readonly identity: string;
  /** Whether it can be used past the page cache, O_DIRECT, if asked. */
  readonly direct: boolean | undefined;
}

/** An open that takes longer ends: dead NFS, DRBD. In milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * What tells one disk from another: the device number of a block device, the
 * file system and inode of anything else.
 */
export function identityOf(status: FileStatus): string {
  return status.kind === "block"
    ? `block ${status.rdev}`
    : `file ${status.device} ${status.inode}`;
}

/** The identity of what a path leads to, undefined if it leads nowhere. */
export function identityAt(path: string): string | undefined {
  try {
    return identityOf(statPath(path));
  } catch (error) {
    // A path from a file may hold what no path can hold: TypeError.
    if (error instanceof SysError || error instanceof TypeError) {
      return undefined;
    }
    throw error;
  }
}

/** Opens O_PATH: nothing of the source is touched, and it stays the same. */
async function pin(path: string): Promise<Fd> {
  try {
    return await openFileWithin(path, O.PATH, { timeoutMs: OPEN_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof SysError || error instanceof DeadlineError) {
      throw refuse(`Cannot use source ${path}: ${error.message}`);
    }
    throw error;
  }
}

function kindOf(status: FileStatus, path: string): "file" | "block" {
  if (status.kind === "file" || status.kind === "block") return status.kind;
  throw refuse(
    `Cannot use source ${path}: it must be a block device or a regular file, it is a ${status.kind}`,
  );
}

async function reopenWithin(pinned: Fd, flags: number): Promise<Fd> {
  return await openFileWithin(`/proc/self/fd/${pinned.number}`, flags, {
    timeoutMs: OPEN_TIMEOUT_MS,
  });
}

async function blockSize(pinned: Fd, path: string): Promise<number> {
  try {
    // EXCL on a block device: refused while it is mounted or part of another.
    using fd = await reopenWithin(pinned, O.RDONLY | O.NONBLOCK | O.EXCL);
    return blockDeviceSize(fd);
  } catch (error) {
    if (error instanceof SysError && error.code === "EBUSY") {
      throw refuse(
        `Cannot use source ${path}: the block device is mounted or in use by this node`,
      );
    }
    throw refuse(`Cannot use source ${path}: ${messageOf(error)}`);
  }
}

/** Some file systems refuse O_DIRECT with EINVAL: open(2). */
async function canBeDirect(pinned: Fd, path: string): Promise<boolean> {
  try {
    using _fd = await reopenWithin(pinned, O.RDONLY | O.NONBLOCK | O.DIRECT);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "EINVAL") return false;
    throw refuse(`Cannot use source ${path}: ${messageOf(error)}`);
  }
}

/**
 * Looks at a source without opening it for writing.
 *
 * @param path absolute
 * @param wanted what else is asked of a regular file
 * @throws {HotplugError} `refused`: missing, empty, in use by this node, or
 * neither a block device nor a regular file
 */
export async function inspectSource(
  path: string,
  wanted: readonly "direct"[] = [],
): Promise<Source> {
  using pinned = await pin(path);
  const status = statFd(pinned);
  const kind = kindOf(status, path);
  const sizeBytes = kind === "file"
    ? status.sizeBytes
    : await blockSize(pinned, path);
  if (sizeBytes === 0) throw refuse(`Cannot use source ${path}: it is empty`);
  const asked = kind === "block" || wanted.includes("direct");
  const direct = asked ? await canBeDirect(pinned, path) : undefined;
  return { path, kind, sizeBytes, identity: identityOf(status), direct };
}

/** How a source is opened. */
export interface OpenSourceOptions {
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** O_RDWR or O_RDONLY: an fd set gives QEMU no fd of another mode. */
  readonly access: "rw" | "ro";
  /** O_DIRECT, which QEMU 9.0 and newer compare with the cache mode. */
  readonly direct: boolean;
}

/**
 * Opens a source that was inspected before.
 *
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused` if another file is there now
 * @throws {SysError} | {DeadlineError}
 */
export async function openSource(
  path: string,
  { identity, access, direct }: OpenSourceOptions,
): Promise<Fd> {
  using pinned = await pin(path);
  if (identityOf(statFd(pinned)) !== identity) {
    throw refuse(
      `Cannot use source ${path}: it is another file than a moment ago`,
    );
  }
  const mode = access === "rw" ? O.RDWR : O.RDONLY;
  return await reopenWithin(pinned, mode | (direct ? O.DIRECT : 0));
}
