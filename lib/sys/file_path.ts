/**
 * Changes of directories: makes, moves and removes names, relative to a held
 * directory if the path must not be walked again.
 *
 * @module
 */

import { checked, unlessRefused } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { AT, cString, S } from "./layout.ts";
import { libc } from "./libc.ts";

/** Where the relative paths of a call start. */
export interface AtOptions {
  /**
   * An open directory, O_PATH suffices.
   *
   * @default {the current directory}
   */
  readonly dir?: Fd | undefined;
}

/** Options of {@linkcode mknodBlock}. */
export interface MknodOptions extends AtOptions {
  /** Permissions, reduced by the umask. */
  readonly mode: number;
  /** Device number as `major:minor` in decimal, as in FileStatus.rdev. */
  readonly rdev: string;
}

/**
 * Renames a file, and replaces the file at `to`. Both are relative to `dir`.
 *
 * @throws {SysError} If the kernel refuses.
 * @throws {TypeError} If a path has a NUL.
 */
export function rename(from: string, to: string, options: AtOptions = {}) {
  const dir = number(options);
  const [source, target] = [cString(from), cString(to)];
  // SAFETY: both names end with a NUL and outlive the synchronous call; the
  // result is checked by checked().
  const call = () => libc.renameat(dir, source, dir, target);
  checked("rename", `${from} to ${to}`, call);
}

/** linux/fs.h. */
const RENAME_EXCHANGE = 2;

/**
 * Exchanges two names. Both are relative to `dir`, and must exist.
 *
 * @returns whether kernel and file system can do so
 * @throws {SysError} If the kernel refuses.
 * @throws {TypeError} If a path has a NUL.
 */
export function exchange(
  one: string,
  other: string,
  options: AtOptions = {},
): boolean {
  const dir = number(options);
  const [source, target] = [cString(one), cString(other)];
  // By number: glibc has renameat2 since 2.28 only.
  const renameat2 = Deno.build.arch === "x86_64" ? 316n : 276n;
  const call = () =>
    // SAFETY: both names end with a NUL and outlive the synchronous call; the
    // result is checked by checked().
    libc.syscallRenameat2(
      renameat2,
      ...[dir, source, dir, target, RENAME_EXCHANGE] as const,
    );
  const done = unlessRefused(
    () => checked("rename", `${one} and ${other}`, call),
    ...["ENOSYS", "EINVAL"],
  );
  return done !== undefined;
}

/**
 * Removes a name, but not a directory. Does not follow a link.
 *
 * @throws {SysError} `ENOENT` if there is none, and others.
 * @throws {TypeError} If the path has a NUL.
 */
export function unlink(path: string, options: AtOptions = {}): void {
  remove(path, { flags: 0, syscall: "unlink" }, options);
}

/**
 * Removes an empty directory.
 *
 * @throws {SysError} `ENOTEMPTY`, `ENOENT` and others.
 * @throws {TypeError} If the path has a NUL.
 */
export function rmdir(path: string, options: AtOptions = {}): void {
  remove(path, { flags: AT.REMOVEDIR, syscall: "rmdir" }, options);
}

/**
 * Makes a directory.
 *
 * @param mode Permissions, reduced by the umask.
 * @throws {SysError} `EEXIST` and others.
 * @throws {TypeError} If the path has a NUL.
 */
export function mkdir(
  path: string,
  mode: number,
  options: AtOptions = {},
): void {
  const name = cString(path);
  // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
  // result is checked by checked().
  checked("mkdir", path, () => libc.mkdirat(number(options), name, mode));
}

/**
 * Makes the node of a block device.
 *
 * @throws {SysError} `EEXIST`, `EPERM` and others.
 * @throws {TypeError} If the path has a NUL or `rdev` is not `major:minor`.
 */
export function mknodBlock(path: string, options: MknodOptions): void {
  const name = cString(path);
  const mode = S.IFBLK | options.mode;
  const device = encodeDevice(options.rdev);
  // By number: before 2.33 glibc had mknodat only as an inline function.
  // arch/x86/entry/syscalls/syscall_64.tbl, asm-generic/unistd.h.
  const mknodat = Deno.build.arch === "x86_64" ? 259n : 33n;
  // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
  // result is checked by checked().
  const call = () =>
    libc.syscallMknodat(mknodat, number(options), name, mode, device);
  checked("mknod", path, call);
}

/** The kernel's new_encode_dev() (linux/kdev_t.h): 12 bits major, 20 minor. */
function encodeDevice(rdev: string): bigint {
  const [, majorText, minorText] = /^(\d{1,4}):(\d{1,7})$/.exec(rdev) ?? [];
  const [major, minor] = [Number(majorText), Number(minorText)];
  if (!(major < 1 << 12 && minor < 1 << 20)) {
    throw new TypeError(
      `A device must be major:minor: current value is ${JSON.stringify(rdev)}`,
    );
  }
  const encoded = (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
  return BigInt.asUintN(32, BigInt(encoded));
}

function remove(
  path: string,
  { flags, syscall }: { readonly flags: number; readonly syscall: string },
  options: AtOptions,
): void {
  const name = cString(path);
  // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
  // result is checked by checked().
  checked(syscall, path, () => libc.unlinkat(number(options), name, flags));
}

function number(options: AtOptions): number {
  return options.dir?.number ?? AT.FDCWD;
}
