/**
 * Walking to a file without asking anybody but the kernel's cache of names.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { AT, cString, O } from "./layout.ts";
import { libc } from "./libc.ts";

/** The same on every architecture: asm-generic/unistd.h. */
const NR_OPENAT2 = 437n;
/** linux/openat2.h: fail with EAGAIN if the walk cannot be made at once. */
const RESOLVE_CACHED = 0x20n;
/** struct open_how: flags, mode and resolve, eight bytes each. */
const OPEN_HOW_BYTES = 24n;

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
  const name = cString(path);
  const how = new BigUint64Array([
    BigInt(flags | O.PATH | O.CLOEXEC),
    0n,
    RESOLVE_CACHED,
  ]);
  // SAFETY: `name` ends with a NUL, `how` has the size that is told; both
  // outlive the synchronous call; -1 is checked below.
  const number = libc.syscallOpenat2(
    NR_OPENAT2,
    AT.FDCWD,
    name,
    how,
    OPEN_HOW_BYTES,
  );
  return number < 0 ? undefined : new Fd(number, path);
}
