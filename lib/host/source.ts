/**
 * The source of a disk: a file or block device of this node, checked and opened
 * without trust in its path.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { sizeFault } from "./disk_size.ts";
import { identityOf } from "./identity.ts";
import { type Alias, aliasesOf } from "./loop.ts";
import { holders, titleOf } from "./process.ts";
import { isQcow2, MAGIC_BYTES } from "./qcow2.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  blockDeviceSize,
  type BlockSizes,
  blockSizesOf,
  type FileStatus,
  isRangeLocked,
  isReadOnlyDevice,
  openFileWithin,
  procPath,
  readPartWithin,
  statFd,
  statFdWithin,
  TimeLimit,
  writeFault as faultOfWriting,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** A file or block device that was checked. */
export interface Source {
  /** Absolute, as given: links in it are not resolved. */
  readonly path: string;
  /** Anything else is refused: INTERFACE, "Safety". */
  readonly kind: "file" | "block" | "uri";
  /** To the byte, a sector or more; 0 for a URI: only QEMU knows the size. */
  readonly sizeBytes: number;
  /** Identity of the inode or block device: {@linkcode identityOf}. */
  readonly identity: string;
  /** The path without links, as the kernel names the open file. */
  readonly resolved: string;
  /** Whether O_DIRECT works, if asked. */
  readonly direct: boolean | undefined;
  /** Why it cannot be written, undefined if it can: an errno's name. */
  readonly writeFault: string | undefined;
  /**
   * The process with an image lock that conflicts, undefined if there is none.
   */
  readonly inUseBy: string | undefined;
  /** Whether it begins like a qcow2 image. @default "no" */
  readonly magic?: "qcow2" | "no";
  /** Of a block device, in bytes. */
  readonly blockSizes?: BlockSizes | undefined;
}

/**
 * Longest look at a source, in milliseconds: a dead NFS server, or a DRBD
 * without its peer, blocks each open.
 */
export const SOURCE_TIMEOUT_MS = 5_000;

/** The error that says why a source cannot be used. */
function cannotUse(path: string, error: unknown): unknown {
  const isLate = error instanceof DeadlineError;
  if (!isLate && !(error instanceof SysError)) return error;
  const hint = "the file system or device behind it does not answer";
  const what = `Cannot use source ${path}: ${error.message}`;
  return refuse(what, isLate ? hint : undefined);
}

/**
 * Opens a source with O_PATH: this touches nothing, and the inode stays the
 * same.
 *
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused`
 * @throws {ShortageError}
 */
async function pinSource(path: string, limit: TimeLimit): Promise<Fd> {
  try {
    return await openFileWithin(path, O.PATH, { limit });
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/**
 * Opens the inode behind an O_PATH fd; it keeps its label.
 *
 * @returns an fd the caller owns
 * @throws {SysError} | {ShortageError} | {DeadlineError}
 */
export function reopenWithin(
  pinned: Fd,
  flags: number,
  limit: TimeLimit,
): Promise<Fd> {
  const { label } = pinned;
  return openFileWithin(procPath(pinned), flags, { label, limit, pinned });
}

/** Every visible fd of another process that has this file open. */
function* fdsOf(identity: string): Generator<{ pid: number; fd: number }> {
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === Deno.pid) continue;
    for (const fd of holders(pid, identity)) yield { pid, fd };
  }
}

/**
 * Names the first process that has this file open, undefined if none is
 * visible.
 */
function holderOf(identity: string): string | undefined {
  const first = fdsOf(identity).next().value;
  return first && titleOf(first.pid);
}

/**
 * Bytes on which QEMU locks an image (block/file-posix.c, RAW_LOCK_*): from 100
 * the permissions that it uses (101 writing, 103 resizing), from 200 the
 * permissions that it denies to others (201 writing).
 */
const LOCKED_IF_WRITTEN = [101, 103];
const LOCKED_AGAINST_WRITING = [201];

/**
 * The process that has an image open in a way that conflicts with ours. Most
 * images are not in use: one question about all bytes tells this.
 *
 * @param options.access Whether we will write.
 * @returns Undefined if there is none.
 * @throws {DeadlineError} | {SysError} | {HotplugError} `busy`
 */
async function userOf(
  fd: Fd,
  { access, limit }: {
    readonly access: "rw" | "ro";
    readonly limit: TimeLimit;
  },
): Promise<string | undefined> {
  const bytes = access === "rw"
    ? [...LOCKED_IF_WRITTEN, ...LOCKED_AGAINST_WRITING]
    : LOCKED_IF_WRITTEN;
  const [start, end] = [Math.min(...bytes), Math.max(...bytes) + 1];
  const all = { start, length: end - start };
  if (!await isRangeLocked(fd, all, limit)) return undefined;
  for (const start of bytes) {
    if (!await isRangeLocked(fd, { start, length: 1 }, limit)) continue;
    const identity = identityOf(statFd(fd, { sync: "no" }));
    return holderOf(identity) ?? "another program";
  }
  return undefined;
}

function kindOf(status: FileStatus, path: string): "file" | "block" {
  if (status.kind === "file" || status.kind === "block") return status.kind;
  const kind = status.kind === "character" ? "character device" : status.kind;
  throw refuse(
    `Cannot use source ${path}: it must be a block device or a regular file, but it is a ${kind}`,
  );
}

/**
 * EXCL on a block device: refused while it is mounted or part of another
 * device.
 *
 * @param what for the message: `the block device`
 */
async function openToLook(
  pinned: Fd,
  { path, kind, what = "the block device" }: {
    readonly path: string;
    readonly kind: "file" | "block";
    readonly what?: string;
  },
  limit: TimeLimit,
): Promise<Fd> {
  const flags = O.RDONLY | O.NONBLOCK | (kind === "block" ? O.EXCL : 0);
  try {
    return await reopenWithin(pinned, flags, limit);
  } catch (error) {
    const isBusy = error instanceof SysError && error.code === "EBUSY";
    if (kind === "file" || !isBusy) throw error;
    throw refuse(
      `Cannot use source ${path}: ${what} is mounted, or a program on this node uses it`,
    );
  }
}

/**
 * Opens the file of another name with O_PATH. The name may belong to another
 * mount namespace, or be gone: then a process that has it open leads to the
 * inode.
 */
async function pinAlias(
  { path, identity }: Alias,
  limit: TimeLimit,
): Promise<Fd | undefined> {
  const paths = function* () {
    yield path;
    for (const { pid, fd } of fdsOf(identity)) yield `/proc/${pid}/fd/${fd}`;
  };
  for (const one of paths()) {
    try {
      const fd = await openFileWithin(one, O.PATH, { limit, label: path });
      if (identityOf(statFd(fd, { sync: "no" })) === identity) return fd;
      fd.close();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
    }
  }
  return undefined;
}

/** The process that uses the same data through a loop device. */
async function aliasUser(
  { path, identity }: { readonly path: string; readonly identity: string },
  { access }: SourceNeeds,
  limit: TimeLimit,
): Promise<string | undefined> {
  for (const alias of await aliasesOf(identity, access)) {
    using pinned = await pinAlias(alias, limit);
    if (pinned === undefined) continue;
    const kind = alias.identity.startsWith("block") ? "block" : "file";
    const what = `${alias.path}, the same data,`;
    await using fd = await openToLook(pinned, { path, kind, what }, limit);
    const user = await userOf(fd, { access, limit });
    if (user !== undefined) return `${user}, by way of ${alias.path},`;
  }
  return undefined;
}

/** Some file systems refuse O_DIRECT with EINVAL: open(2). */
async function canBeDirect(pinned: Fd, limit: TimeLimit): Promise<boolean> {
  try {
    const flags = O.RDONLY | O.NONBLOCK | O.DIRECT;
    await using _fd = await reopenWithin(pinned, flags, limit);
    return true;
  } catch (error) {
    if (error instanceof SysError && error.code === "EINVAL") return false;
    throw error;
  }
}

/** The needs of a disk, checked before anything is changed. */
export interface SourceNeeds {
  /** Whether the guest writes. */
  readonly access: "rw" | "ro";
  /** O_DIRECT; QEMU 9.0 and newer compare it with the cache mode. */
  readonly direct: boolean;
}

type Looked = Pick<
  Source,
  "sizeBytes" | "inUseBy" | "magic" | "writeFault" | "blockSizes"
>;

/** Facts that only an opened source tells. */
async function lookInto(
  { pinned, status, kind }: {
    readonly pinned: Fd;
    readonly status: FileStatus;
    readonly kind: "file" | "block";
  },
  needs: SourceNeeds,
  limit: TimeLimit,
): Promise<Looked> {
  const { label: path } = pinned;
  await using fd = await openToLook(pinned, { path, kind }, limit);
  const sizeBytes = kind === "file" ? status.sizeBytes : blockDeviceSize(fd);
  const fault = sizeFault(sizeBytes);
  if (fault) throw refuse(`Cannot use source ${path}: ${fault}`);
  const part = { offset: 0, length: MAGIC_BYTES };
  const head = await readPartWithin(fd, part, limit);
  const magic = isQcow2(head) ? "qcow2" : "no";
  const identity = identityOf(status);
  const inUseBy = await userOf(fd, { ...needs, limit }) ??
    await aliasUser({ path, identity }, needs, limit);
  const writeFault = kind === "block" && isReadOnlyDevice(fd)
    ? "it is a read-only device"
    : undefined;
  const blockSizes = kind === "block" ? blockSizesOf(fd) : undefined;
  return { sizeBytes, magic, inUseBy, writeFault, blockSizes };
}

async function inspect(
  pinned: Fd,
  needs: SourceNeeds,
  limit: TimeLimit,
): Promise<Source> {
  const { label: path } = pinned;
  const status = await statFdWithin(pinned, limit);
  const kind = kindOf(status, path);
  const asked = kind === "block" || needs.direct;
  const looked = await lookInto({ pinned, status, kind }, needs, limit);
  return {
    path,
    kind,
    identity: identityOf(status),
    resolved: Deno.readLinkSync(procPath(pinned)),
    direct: asked ? await canBeDirect(pinned, limit) : undefined,
    ...looked,
    writeFault: looked.writeFault ??
      (await faultOfWriting(pinned, limit))?.code,
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
 * Checks a source without opening it for writing.
 *
 * @param path absolute
 * @returns the result, and an O_PATH fd of the source, which the caller owns:
 * everything that follows happens to that inode
 * @throws {HotplugError} `refused`: missing, empty, mounted, or neither a block
 * device nor a regular file
 */
export async function inspectSource(
  path: string,
  needs: SourceNeeds,
): Promise<{ source: Source; pinned: Fd }> {
  using limit = new TimeLimit(SOURCE_TIMEOUT_MS);
  const pinned = await pinSource(path, limit);
  try {
    return { source: await inspect(pinned, needs, limit), pinned };
  } catch (error) {
    pinned.close();
    throw cannotUse(path, error);
  }
}

/** Options for opening a source. */
export interface OpenSourceOptions extends SourceNeeds {
  /** The identity that must be found there: {@linkcode identityOf}. */
  readonly identity: string;
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
  using limit = new TimeLimit(SOURCE_TIMEOUT_MS);
  using own = pinned === undefined ? await pinSource(path, limit) : undefined;
  const held = pinned ?? own;
  const status = held && statFd(held, { sync: "no" });
  if (
    held === undefined || status === undefined ||
    identityOf(status) !== identity
  ) {
    throw refuse(
      `Cannot use source ${path}: it was replaced by another file`,
    );
  }
  const mode = access === "rw" ? O.RDWR : O.RDONLY;
  return await reopenWithin(held, mode | (direct ? O.DIRECT : 0), limit);
}
