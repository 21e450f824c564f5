/**
 * The type and status of a file, by statx(2); its answer has the same layout on
 * every architecture.
 *
 * @module
 */

import { checked, checkedIfThere } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { AT, cString, S, STATX } from "./layout.ts";
import { libc } from "./libc.ts";

/** The status of one inode. */
export type FileStatus = Readonly<ReturnType<typeof readStatus>>;

/** The owner and the mode of a file. */
export type FileOwner = Pick<FileStatus, "uid" | "gid" | "mode">;

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
   * `no`: the kernel answers from its cache. It does not ask a file system that
   * keeps its files elsewhere (NFS, FUSE) and may hang; sizes and times may be
   * old. The walk to the file may hang anyway, except through /proc/PID/fd.
   *
   * @default {"yes"}
   */
  readonly sync?: "yes" | "no" | undefined;
}

const KINDS = {
  [S.IFREG]: "file",
  [S.IFDIR]: "directory",
  [S.IFBLK]: "block",
  [S.IFCHR]: "character",
  [S.IFIFO]: "fifo",
  [S.IFSOCK]: "socket",
  [S.IFLNK]: "link",
} as const;

/**
 * The type of a file; `anonymous`: it has no type, such as an eventfd or epoll
 * instance (fs/anon_inodes.c).
 */
type FileKind = typeof KINDS[keyof typeof KINDS] | "anonymous";

/** The parts of `st_mode`: the kind, and the bits from 0 to 0o7777. */
export function typeOf(mode: number): { kind: FileKind; mode: number } {
  const kinds: Readonly<Record<number, FileKind>> = KINDS;
  return { kind: kinds[mode & S.IFMT] ?? "anonymous", mode: mode & 0o7777 };
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
  const flags = AT.EMPTY_PATH | syncFlag(options);
  return statx({ dir: fd.number, path: "", flags }, fd.label);
}

/**
 * The status of the file at a path.
 *
 * @throws {SysError} `ENOENT` if there is nothing, and others.
 * @throws {TypeError} If the path has a NUL.
 */
export function statPath(
  path: string,
  options: StatPathOptions = {},
): FileStatus {
  return statx(named(path, options), path);
}

/**
 * As {@linkcode statPath}, for a file that may not be there.
 *
 * @returns Undefined if there is nothing (`ENOENT`).
 */
export function statIfThere(
  path: string,
  options: StatPathOptions = {},
): FileStatus | undefined {
  const { call, status } = statxCall(named(path, options));
  if (checkedIfThere("stat", path, call) === undefined) return undefined;
  return readStatus(new DataView(status));
}

/** What statx(2) is asked of. */
interface Asked {
  readonly dir: number;
  readonly path: string;
  readonly flags: number;
}

function named(path: string, options: StatPathOptions): Asked {
  const dir = options.dir?.number ?? AT.FDCWD;
  const follow = options.followLinks === "no" ? AT.SYMLINK_NOFOLLOW : 0;
  return { dir, path, flags: follow | syncFlag(options) };
}

/** The call, 0 or -1, and what it fills in. */
function statxCall({ dir, path, flags }: Asked) {
  const name = cString(path);
  const status = new ArrayBuffer(STATX.size);
  const call = () =>
    // SAFETY: `name` ends with a NUL, `status` has the size of struct statx;
    // both outlive the synchronous call; the result is checked by who calls
    // this.
    libc.statx(dir, name, flags, STATX.BASIC_STATS, status);
  return { call, status };
}

function statx(asked: Asked, subject: string): FileStatus {
  const { call, status } = statxCall(asked);
  checked("stat", subject, call);
  return readStatus(new DataView(status));
}

/** Reads the struct that statx(2) has filled in. */
export function readStatus(view: DataView) {
  const u32 = (offset: number) => view.getUint32(offset, true);
  return {
    ...typeOf(view.getUint16(STATX.mode, true)),
    /** In the numbers of our user namespace, like the group. */
    uid: u32(STATX.uid),
    gid: u32(STATX.gid),
    /**
     * For a regular file, rounded above 2^53 − 1; 0 for a block device, see
     * blockDeviceSize.
     */
    sizeBytes: Number(view.getBigUint64(STATX.sizeBytes, true)),
    /** Unique on its device only; 64 bits. */
    inode: view.getBigUint64(STATX.inode, true),
    /** Device of the inode, as `major:minor` in decimal. */
    device: `${u32(STATX.deviceMajor)}:${u32(STATX.deviceMinor)}`,
    /**
     * Device that the inode names, as `major:minor`; `0:0` if it is not a
     * device.
     */
    rdev: `${u32(STATX.rdevMajor)}:${u32(STATX.rdevMinor)}`,
    /** 0 for a file that was removed and is still open. */
    nlink: u32(STATX.nlink),
    /** Last change of the content, in nanoseconds since 1970. */
    modifiedNs: view.getBigInt64(STATX.mtimeSeconds, true) * 1_000_000_000n +
      BigInt(u32(STATX.mtimeNanoseconds)),
  };
}
