/**
 * Path walks that openat2(2) keeps within bounds: below another root directory,
 * without links, or only through names that the kernel has in its cache.
 *
 * @module
 */

import { checked, checkedNow, ShortageError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT, cString, O } from "./layout.ts";
import { libc } from "./libc.ts";

/** Numbers that are the same on every architecture: asm-generic/unistd.h. */
const NR = { openat2: 437n, faccessat2: 439n } as const;
/** linux/openat2.h. */
const RESOLVE = {
  NO_SYMLINKS: 0x04n,
  /** A process's root, which `..` and links do not leave. */
  IN_ROOT: 0x10n,
  /** EAGAIN if the walk cannot be made at once; since Linux 5.12. */
  CACHED: 0x20n,
} as const;
/** struct open_how: flags, mode and resolve, eight bytes each. */
const OPEN_HOW_BYTES = 24n;

/**
 * While anything on the machine is renamed or mounted, the kernel cannot tell
 * whether a `..` leaves the root, and answers EAGAIN (fs/namei.c,
 * follow_dotdot: rename_lock, mount_lock). Beside a program that does nothing
 * but rename, 1 walk in 100 gets this answer, and a path with twenty `..` up to
 * 34 times in a row; a try takes about 15 µs.
 */
const TRIES = 1000;

/** unistd.h. */
const R_OK = 4;
const W_OK = 2;

/** How a path is walked. */
interface Walk {
  /** The directory in which it begins. */
  readonly dir: number;
  /** Of {@linkcode O}; no flag that makes a file. */
  readonly flags: number;
  readonly resolve: keyof typeof RESOLVE;
}

/** The call: a descriptor, or -1. */
function openat2(path: string, { dir, flags, resolve }: Walk): () => number {
  const name = cString(path);
  const how = [BigInt(flags | O.CLOEXEC), 0n, RESOLVE[resolve]];
  const request = new BigUint64Array(how);
  return () =>
    // SAFETY: `name` ends with a NUL, `request` has the size that is told; both
    // outlive the synchronous call; the result is checked by who calls this.
    libc.syscallOpenat2(NR.openat2, dir, name, request, OPEN_HOW_BYTES);
}

function open(path: string, walk: Walk): Fd {
  const call = openat2(path, walk);
  for (let tries = 0; tries < TRIES; tries++) {
    const number = checkedNow("open", path, call);
    if (number !== undefined) return new Fd(number, path);
  }
  // A call that does not wait for a lease gets this error, too: open(2),
  // O_NONBLOCK.
  const why =
    `${TRIES} attempts failed: files are being renamed or mounted, or another program has a lease on the file`;
  const subject = `${path} (${why})`;
  throw new ShortageError("EAGAIN", { syscall: "open", subject });
}

/**
 * Opens `path` below another root directory: absolute paths, links and `..` all
 * stay below it.
 *
 * @param root An open directory, O_PATH suffices.
 * @param flags Of {@linkcode O}; no flag that makes a file.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {ShortageError} `EAGAIN` if renames or mounts on this node disturbed
 * every try.
 * @throws {SysError} `ENOSYS` before Linux 5.6, and the errors of open(2).
 */
export function openInRoot(root: Fd, path: string, flags: number): Fd {
  return open(path, { dir: root.number, flags, resolve: "IN_ROOT" });
}

/**
 * Opens an absolute path. No part of it may be a link.
 *
 * @param flags Of {@linkcode O}; no flag that makes a file.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {SysError} `ELOOP` for a link; `ENOSYS` before Linux 5.6.
 */
export function openWithoutLinks(path: string, flags: number): Fd {
  return open(path, { dir: AT.FDCWD, flags, resolve: "NO_SYMLINKS" });
}

/**
 * Opens a path with O_PATH if this cannot hang: the kernel has all names of the
 * path in its cache and does not have to ask for them. This is true for most
 * paths, and always for devtmpfs and tmpfs.
 *
 * @param flags Of {@linkcode O}, without `PATH`.
 * @returns A close-on-exec descriptor the caller owns; undefined if it does not
 * work for any reason, before Linux 5.12 too: then open the path in a thread.
 * @throws {TypeError} If the path has a NUL.
 */
export function openPathCached(path: string, flags = 0): Fd | undefined {
  const number = openat2(path, {
    dir: AT.FDCWD,
    flags: flags | O.PATH,
    resolve: "CACHED",
  })();
  return number < 0 ? undefined : new Fd(number, path);
}

/** The use of a file. */
export type AccessMode = "rw" | "ro";

/**
 * Asks whether the calling thread may read, or read and write, the file of a
 * descriptor. Opens nothing.
 *
 * @param fd May be one opened with O_PATH.
 * @throws {SysError} `EACCES`, `EROFS`; `ENOSYS` before Linux 5.8.
 */
export function checkAccess(fd: Fd, access: AccessMode): void {
  const mode = access === "rw" ? R_OK | W_OK : R_OK;
  const flags = AT.EACCESS | AT.EMPTY_PATH;
  const empty = cString("");
  // SAFETY: `empty` is one NUL and outlives the synchronous call; the result
  // is checked by checked().
  const call = () =>
    libc.syscallFaccessat2(NR.faccessat2, fd.number, empty, mode, flags);
  checked("access", fd, call);
}
