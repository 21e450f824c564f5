/**
 * Walks to a file that openat2(2) keeps within bounds: below another root
 * directory, without links, or by what the kernel knows already.
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
 * but rename, 1 walk in 100 is told so, and for a path with twenty `..` as many
 * as 34 in a row; a try takes about 15 µs.
 */
const TRIES = 1000;

/** unistd.h. */
const R_OK = 4;
const W_OK = 2;

/** How a path is walked. */
interface Walk {
  /** Where it begins. */
  readonly dir: number;
  /** Of {@linkcode O}; none that makes a file. */
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
  // A lease, too, is told so to whoever does not wait: open(2), O_NONBLOCK.
  const why =
    `${TRIES} attempts failed: files are being renamed or mounted, or another program has a lease on the file`;
  const subject = `${path} (${why})`;
  throw new ShortageError("EAGAIN", { syscall: "open", subject });
}

/**
 * Opens what `path` is below another root directory: absolute paths, links and
 * `..` all stay below it.
 *
 * @param root An open directory, O_PATH suffices.
 * @param flags Of {@linkcode O}; none that makes a file.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {ShortageError} `EAGAIN` if renames or mounts on this node disturbed
 * every try.
 * @throws {SysError} `ENOSYS` before Linux 5.6, and what open(2) has.
 */
export function openInRoot(root: Fd, path: string, flags: number): Fd {
  return open(path, { dir: root.number, flags, resolve: "IN_ROOT" });
}

/**
 * Opens an absolute path no part of which may be a link.
 *
 * @param flags Of {@linkcode O}; none that makes a file.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {SysError} `ELOOP` for a link; `ENOSYS` before Linux 5.6.
 */
export function openWithoutLinks(path: string, flags: number): Fd {
  return open(path, { dir: AT.FDCWD, flags, resolve: "NO_SYMLINKS" });
}

/**
 * Opens a path with O_PATH if that cannot hang: all names on the way are known
 * to the kernel and need not be asked for again. Most are: those of devtmpfs
 * and tmpfs always.
 *
 * @param flags Of {@linkcode O}, without `PATH`.
 * @returns A close-on-exec descriptor the caller owns; undefined for whatever
 * reason it does not work, before Linux 5.12 too: then it is to be opened in a
 * thread.
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

/** What is to be done with a file. */
export type AccessMode = "rw" | "ro";

/**
 * Asks whether the calling thread may read, or read and write, what a
 * descriptor refers to. Opens nothing.
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
