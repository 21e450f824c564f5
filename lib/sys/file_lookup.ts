/**
 * Looking up a path as a process with another root directory would.
 *
 * @module
 */

import { checked, Errno, ShortageError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { cString, O } from "./layout.ts";
import { libc } from "./libc.ts";

/** Numbers that are the same on every architecture: asm-generic/unistd.h. */
const NR = { openat2: 437n, faccessat2: 439n } as const;
/** linux/openat2.h: a process's root, which `..` and links do not leave. */
const RESOLVE_IN_ROOT = 0x10n;
const RESOLVE_NO_SYMLINKS = 0x04n;
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

/** linux/fcntl.h, unistd.h. */
const AT_FDCWD = -100;
const AT_EACCESS = 0x200;
const AT_EMPTY_PATH = 0x1000;
const R_OK = 4;
const W_OK = 2;

function openat2(
  dir: number,
  path: string,
  how: { readonly flags: number; readonly resolve: bigint },
): Fd {
  const name = cString(path);
  const request = new BigUint64Array([
    BigInt(how.flags | O.CLOEXEC),
    0n,
    how.resolve,
  ]);
  for (let tries = 0; tries < TRIES; tries++) {
    const number = checked(
      // SAFETY: `name` ends with a NUL, `request` has the size that is told;
      // both outlive the synchronous call; the result is checked by checked().
      () => libc.syscallOpenat2(NR.openat2, dir, name, request, OPEN_HOW_BYTES),
      { syscall: "open", subject: path },
      [Errno.EAGAIN],
    );
    if (number >= 0) return new Fd(number, path);
  }
  // A lease, too, is told so to whoever does not wait: open(2), O_NONBLOCK.
  const why =
    `in ${TRIES} tries a rename or mount on this node disturbed it, or another program has a lease on the file`;
  throw new ShortageError(Errno.EAGAIN, "open", `${path} (${why})`);
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
  return openat2(root.number, path, { flags, resolve: RESOLVE_IN_ROOT });
}

/**
 * Opens an absolute path no part of which may be a link.
 *
 * @param flags Of {@linkcode O}; none that makes a file.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {SysError} `ELOOP` for a link; `ENOSYS` before Linux 5.6.
 */
export function openWithoutLinks(path: string, flags: number): Fd {
  return openat2(AT_FDCWD, path, { flags, resolve: RESOLVE_NO_SYMLINKS });
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
  const flags = AT_EACCESS | AT_EMPTY_PATH;
  const empty = cString("");
  checked(
    // SAFETY: `empty` is one NUL and outlives the synchronous call; the result
    // is checked by checked().
    () => libc.syscallFaccessat2(NR.faccessat2, fd.number, empty, mode, flags),
    { syscall: "access", subject: fd.label },
  );
}
