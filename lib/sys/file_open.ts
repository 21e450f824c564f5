/**
 * Opens files at once. For files that may hang use file_within.ts.
 *
 * @module
 */

import { checked, checkedIfThere } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT, cString, F, O } from "./layout.ts";
import { libc } from "./libc.ts";

/** Options of {@linkcode openFile}. */
export interface OpenOptions {
  /**
   * Permissions of a created file, reduced by the umask.
   *
   * @default {0o600}
   */
  readonly mode?: number | undefined;
  /**
   * Where a relative path starts.
   *
   * @default {the current directory}
   */
  readonly dir?: Fd | undefined;
}

/** Of a created file, without {@linkcode OpenOptions.mode}. */
export const DEFAULT_MODE = 0o600;

/**
 * Opens a file. The descriptor is always close-on-exec.
 *
 * @param flags Of {@linkcode O}, combined with `|`.
 * @returns A descriptor the caller owns; nothing is left open on failure.
 * @throws {SysError} If the kernel refuses.
 * @throws {TypeError} If the path has a NUL.
 */
export function openFile(
  path: string,
  flags: number,
  options: OpenOptions = {},
): Fd {
  return new Fd(checked("open", path, openat(path, flags, options)), path);
}

/**
 * As {@linkcode openFile}, of a file that may not be there.
 *
 * @returns Undefined if it is not (`ENOENT`).
 */
export function openIfThere(
  path: string,
  flags: number,
  options: OpenOptions = {},
): Fd | undefined {
  const open = openat(path, flags, options);
  const number = checkedIfThere("open", path, open);
  return number === undefined ? undefined : new Fd(number, path);
}

/** The call: a descriptor, or -1. */
function openat(
  path: string,
  flags: number,
  options: OpenOptions,
): () => number {
  const dir = options.dir?.number ?? AT.FDCWD;
  const name = cString(path);
  const mode = options.mode ?? DEFAULT_MODE;
  return () =>
    // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
    // result is checked by who calls this.
    libc.openat(dir, name, flags | O.CLOEXEC, mode);
}

/**
 * The path by which this process reaches the file of `fd`, as long as `fd` is
 * open.
 */
export function procPath(fd: Fd): string {
  return `/proc/self/fd/${fd.number}`;
}

/**
 * A second descriptor for the same open file.
 *
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {ShortageError} `EMFILE`.
 */
export function duplicate(fd: Fd): Fd {
  // SAFETY: the null is the third argument 0, the lowest number wanted; the
  // result is checked by checked().
  const call = () => libc.fcntl(fd.number, F.DUPFD_CLOEXEC, null);
  const number = checked("fcntl", fd, call);
  return new Fd(number, fd.label);
}
