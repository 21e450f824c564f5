/**
 * What a file is, asked with statx(2), whose answer has the same layout on
 * every architecture.
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { AT, cString, S, STATX } from "./layout.ts";
import { libc } from "./libc.ts";

/**
 * What kind of thing a path or descriptor names; `anonymous` is what has no
 * type, such as an eventfd or epoll instance (fs/anon_inodes.c).
 */
export type FileKind =
  | "file"
  | "directory"
  | "block"
  | "character"
  | "fifo"
  | "socket"
  | "link"
  | "anonymous";

/** The status of one inode. */
export interface FileStatus {
  /** From the type bits of `stx_mode`. */
  readonly kind: FileKind;
  /** Permission bits with set-uid, set-gid and sticky: 0 to 0o7777. */
  readonly mode: number;
  /** Owner, as our user namespace numbers it. */
  readonly uid: number;
  /** Group, as our user namespace numbers it. */
  readonly gid: number;
  /**
   * Length of a regular file, rounded above 2^53 − 1; 0 for a block device, see
   * blockDeviceSize.
   */
  readonly sizeBytes: number;
  /** Unique on its device only; 64 bits. */
  readonly inode: bigint;
  /** Device the inode lies on, as `major:minor` in decimal. */
  readonly device: string;
  /** Device the inode names, as `major:minor`; `0:0` if it is no device. */
  readonly rdev: string;
  /** Hard links; 0 for a file that was removed and is still open. */
  readonly nlink: number;
  /** Last change of the content, in nanoseconds since 1970. */
  readonly modifiedNs: bigint;
}

/** Options of {@linkcode statPath}. */
export interface StatPathOptions {
  /**
   * Where a relative path starts.
   *
   * @default {the current directory}
   */
  readonly dir?: Fd | undefined;
  /**
   * Whether a link as the last part is followed.
   *
   * @default {"yes"}
   */
  readonly followLinks?: "yes" | "no" | undefined;
  /**
   * `no`: as the kernel knows it, without asking a file system that keeps its
   * files elsewhere (NFS, FUSE) and may hang; sizes and times may be old. The
   * way to the file may hang all the same, except through /proc/PID/fd.
   *
   * @default {"yes"}
   */
  readonly sync?: "yes" | "no" | undefined;
}

const KINDS: ReadonlyMap<number, FileKind> = new Map([
  [S.IFREG, "file"],
  [S.IFDIR, "directory"],
  [S.IFBLK, "block"],
  [S.IFCHR, "character"],
  [S.IFIFO, "fifo"],
  [S.IFSOCK, "socket"],
  [S.IFLNK, "link"],
]);

/** What `st_mode` says. */
export function typeOf(mode: number): Pick<FileStatus, "kind" | "mode"> {
  const kind = KINDS.get(mode & S.IFMT) ?? "anonymous";
  return { kind, mode: mode & 0o7777 };
}

function syncFlag({ sync }: Pick<StatPathOptions, "sync">): number {
  return sync === "no" ? AT.STATX_DONT_SYNC : 0;
}

/**
 * The status of an open file; also of one opened with O_PATH.
 *
 * @throws {SysError} If the kernel refuses.
 */
export function statFd(
  fd: Fd,
  options: Pick<StatPathOptions, "sync"> = {},
): FileStatus {
  return statx({
    dir: fd.number,
    path: "",
    flags: AT.EMPTY_PATH | syncFlag(options),
    subject: fd.label,
  });
}

/**
 * The status of what a path names.
 *
 * @throws {SysError} `ENOENT` if there is nothing, and others.
 * @throws {TypeError} If the path has a NUL.
 */
export function statPath(
  path: string,
  options: StatPathOptions = {},
): FileStatus {
  return statx({
    dir: options.dir?.number ?? AT.FDCWD,
    path,
    flags: (options.followLinks === "no" ? AT.SYMLINK_NOFOLLOW : 0) |
      syncFlag(options),
    subject: path,
  });
}

interface StatxCall {
  readonly dir: number;
  readonly path: string;
  readonly flags: number;
  readonly subject: string;
}

function statx(call: StatxCall): FileStatus {
  const path = cString(call.path);
  const status = new ArrayBuffer(STATX.size);
  checked(
    // SAFETY: `path` ends with a NUL, `status` has the size of struct statx;
    // both outlive the synchronous call; the result is checked by checked().
    () => libc.statx(call.dir, path, call.flags, STATX.BASIC_STATS, status),
    { syscall: "stat", subject: call.subject },
  );
  return readStatus(new DataView(status));
}

/** What statx(2) has filled in. */
export function readStatus(view: DataView): FileStatus {
  const u32 = (offset: number) => view.getUint32(offset, true);
  return {
    ...typeOf(view.getUint16(STATX.mode, true)),
    uid: u32(STATX.uid),
    gid: u32(STATX.gid),
    sizeBytes: Number(view.getBigUint64(STATX.sizeBytes, true)),
    inode: view.getBigUint64(STATX.inode, true),
    device: `${u32(STATX.deviceMajor)}:${u32(STATX.deviceMinor)}`,
    rdev: `${u32(STATX.rdevMajor)}:${u32(STATX.rdevMinor)}`,
    nlink: u32(STATX.nlink),
    modifiedNs: view.getBigInt64(STATX.mtimeSeconds, true) * 1_000_000_000n +
      BigInt(u32(STATX.mtimeNanoseconds)),
  };
}
