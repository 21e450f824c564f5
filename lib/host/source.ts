/**
 * What a disk is made of: a file or block device of this node, looked at and
 * opened without trust in its path.
 *
 * @module
 */

import { messageOf, passShortage, refuse } from "../errors.ts";
import { sizeFault } from "./disk_size.ts";
import { identityOf } from "./identity.ts";
import { holds, programOf } from "./process.ts";
import { isQcow2, MAGIC_BYTES } from "./qcow2.ts";
import { pinSource, reopenWithin } from "./source_open.ts";
import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  blockDeviceSize,
  type FileStatus,
  isRangeLocked,
  procPath,
  readPart,
  statFd,
  writeFault,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** A file or block device that was looked at. */
export interface Source {
  /** Absolute, as it was given: links in it are not resolved. */
  readonly path: string;
  /** Anything else is refused: INTERFACE, "Safety". */
  readonly kind: "file" | "block" | "uri";
  /** To the byte, a sector or more; 0 for a URI: QEMU alone knows. */
  readonly sizeBytes: number;
  /** Names the inode or block device: {@linkcode identityOf}. */
  readonly identity: string;
  /** The path without links, as the kernel names the open file. */
  readonly resolved: string;
  /** Whether it can be used past the page cache, O_DIRECT, if asked. */
  readonly direct: boolean | undefined;
  /** Name of the errno that writing would give, undefined if none. */
  readonly writeFault: string | undefined;
  /** The process whose image lock is in the way, undefined if none is. */
  readonly inUseBy: string | undefined;
  /** Whether it begins as a qcow2 image does. @default "no" */
  readonly magic?: "qcow2" | "no";
}

/** Names the first process that has this file open, undefined if none shows. */
function holderOf(identity: string): string | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === Deno.pid) continue;
    if (!holds(pid, identity)) continue;
    return `${programOf(pid)} (pid ${pid})`;
  }
  return undefined;
}

function kindOf(status: FileStatus, path: string): "file" | "block" {
  if (status.kind === "file" || status.kind === "block") return status.kind;
  throw refuse(
    `Cannot use source ${path}: it must be a block device or a regular file, it is a ${status.kind}`,
  );
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
    passShortage(error);
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
    passShortage(error);
    throw refuse(`Cannot use source ${path}: ${messageOf(error)}`);
  }
}

/** What a disk will need of its source, asked before anything is changed. */
export interface SourceNeeds {
  /** Whether the guest writes. */
  readonly access: "rw" | "ro";
  /** Whether O_DIRECT is to be tried on a regular file. */
  readonly direct: boolean;
}

/**
 * Bytes on which QEMU locks an image (block/file-posix.c, RAW_LOCK_*): from
 * 100 what it uses (101 writing, 103 resizing), from 200 what it lets nobody
 * else do (201 writing).
 */
const LOCKED_IF_WRITTEN = [101, 103];
const LOCKED_AGAINST_WRITING = [201];

async function userOf(
  pinned: Fd,
  { access }: SourceNeeds,
): Promise<Pick<Source, "inUseBy" | "magic">> {
  const bytes = access === "rw"
    ? [...LOCKED_IF_WRITTEN, ...LOCKED_AGAINST_WRITING]
    : LOCKED_IF_WRITTEN;
  using fd = await reopenWithin(pinned, O.RDONLY | O.NONBLOCK);
  const head = readPart(fd, { offset: 0, length: MAGIC_BYTES });
  const magic = isQcow2(head) ? "qcow2" : "no";
  if (!bytes.some((start) => isRangeLocked(fd, { start, length: 1 }))) {
    return { magic, inUseBy: undefined };
  }
  const inUseBy = holderOf(identityOf(statFd(fd))) ?? "another program";
  return { magic, inUseBy };
}

async function inspect(
  pinned: Fd,
  path: string,
  needs: SourceNeeds,
): Promise<Source> {
  const status = statFd(pinned);
  const kind = kindOf(status, path);
  const sizeBytes = kind === "file"
    ? status.sizeBytes
    : await blockSize(pinned, path);
  const fault = sizeFault(sizeBytes);
  if (fault) throw refuse(`Cannot use source ${path}: ${fault}`);
  const asked = kind === "block" || needs.direct;
  return {
    path,
    kind,
    sizeBytes,
    identity: identityOf(status),
    resolved: Deno.readLinkSync(procPath(pinned)),
    direct: asked ? await canBeDirect(pinned, path) : undefined,
    writeFault: writeFault(procPath(pinned))?.code,
    ...await userOf(pinned, needs),
  };
}

/** A source that only QEMU can look at. */
export function uriSource(uri: string): Source {
  return {
    path: uri,
    kind: "uri",
    sizeBytes: 0,
    identity: `uri ${uri}`,
    resolved: uri,
    direct: undefined,
    writeFault: undefined,
    inUseBy: undefined,
  };
}

/**
 * Looks at a source without opening it for writing.
 *
 * @param path absolute
 * @returns what was found, and an O_PATH fd of it, which the caller owns: all
 * that comes later happens to that inode
 * @throws {HotplugError} `refused`: missing, empty, mounted, or
 * neither a block device nor a regular file
 */
export async function inspectSource(
  path: string,
  needs: SourceNeeds,
): Promise<{ source: Source; pinned: Fd }> {
  const pinned = await pinSource(path);
  try {
    return { source: await inspect(pinned, path, needs), pinned };
  } catch (error) {
    pinned.close();
    throw error;
  }
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
 * @param pinned the O_PATH fd of the inspection, if it is still held; stays
 * the caller's
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused` if another file is there now
 * @throws {SysError} | {DeadlineError}
 */
export async function openSource(
  path: string,
  { identity, access, direct }: OpenSourceOptions,
  pinned: Fd | undefined,
): Promise<Fd> {
  using own = pinned === undefined ? await pinSource(path) : undefined;
  const held = pinned ?? own;
  if (held === undefined || identityOf(statFd(held)) !== identity) {
    throw refuse(
      `Cannot use source ${path}: it is another file than a moment ago`,
    );
  }
  const mode = access === "rw" ? O.RDWR : O.RDONLY;
  return await reopenWithin(held, mode | (direct ? O.DIRECT : 0));
}
