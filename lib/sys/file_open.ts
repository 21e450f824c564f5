/**
 * Opening files, at once or with a deadline.
 *
 * @module
 */

import { checked, DeadlineError, Errno, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { AT, cString, F, O } from "./layout.ts";
import { libc } from "./libc.ts";
import { within } from "./pause.ts";
import { startDeadline, whileInThread } from "./thread.ts";

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

/** Options of {@linkcode openFileWithin}. */
export interface OpenWithinOptions extends OpenOptions {
  /** The longest wait, at least 0. */
  readonly timeoutMs: number;
}

/**
 * A failure is repeated on the main thread only if it came within this time:
 * what failed slowly once may hang the second time.
 */
const FAILED_AT_ONCE_MS = 200;

const DEFAULT_MODE = 0o600;

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
  const dir = options.dir?.number ?? AT.FDCWD;
  const name = cString(path);
  const mode = options.mode ?? DEFAULT_MODE;
  const number = checked(
    // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
    // result is checked by checked().
    () => libc.openat(dir, name, flags | O.CLOEXEC, mode),
    { syscall: "open", subject: path },
  );
  return new Fd(number, path);
}

/**
 * Opens what a descriptor refers to once more, with other flags: the same
 * inode, whatever its path names by now. Needs /proc.
 *
 * @param fd May be one opened with O_PATH.
 * @param flags Of {@linkcode O}, without `NOFOLLOW`.
 * @returns A descriptor the caller owns, with the same label.
 * @throws {SysError} If the kernel refuses.
 */
export function reopen(fd: Fd, flags: number): Fd {
  return new Fd(openFile(procPath(fd), flags).release(), fd.label);
}

/**
 * The path by which this process reaches what `fd` refers to, as long as it is
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
  const number = checked(
    // SAFETY: the null is the third argument 0, the lowest number wanted; the
    // result is checked by checked().
    () => libc.fcntl(fd.number, F.DUPFD_CLOEXEC, null),
    { syscall: "fcntl", subject: fd.label },
  );
  return new Fd(number, fd.label);
}

/**
 * Opens a file in a thread, for an open that may hang: a dead NFS, a device
 * without its peer, a FIFO without a writer.
 *
 * A thread cannot be interrupted: an open that hangs keeps one of Deno's 32
 * until it returns, and keeps the event loop alive. What it opens after the
 * deadline, or after a wait that failed, is closed at once.
 *
 * @param flags Of {@linkcode O}, combined with `|`.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {DeadlineError} If it did not return in time.
 * @throws {ShortageError} `EMFILE`, also of the wait itself.
 * @throws {SysError} If the kernel refuses. `EIO` stands for every failure that
 * took longer than 200 ms, whose errno is lost with the thread.
 * @throws {TypeError} If the path has a NUL.
 */
export async function openFileWithin(
  path: string,
  flags: number,
  options: OpenWithinOptions,
): Promise<Fd> {
  const deadline = startDeadline(options.timeoutMs);
  const startMs = performance.now();
  const opening = openInThread(path, flags, options);
  let number: number | undefined;
  try {
    number = await within(opening, deadline.remainingMs());
  } finally {
    // Not in time, or the wait itself failed: no fd was left for it.
    if (number === undefined) closeLate(opening, path);
  }
  if (number === undefined) {
    throw new DeadlineError(`open ${path}`, options.timeoutMs);
  }
  if (number >= 0) return new Fd(number, path);
  if (performance.now() - startMs > FAILED_AT_ONCE_MS) {
    throw new SysError(Errno.EIO, "open", path);
  }
  // The errno stayed with the thread: the same call, to fail the same way.
  return openFile(path, flags, options);
}

function closeLate(opening: Promise<number>, path: string): void {
  opening.then((late) => late < 0 || new Fd(late, path).close(), () => {});
}

function openInThread(
  path: string,
  flags: number,
  options: OpenOptions,
): Promise<number> {
  const name = cString(path);
  // The thread may start late, after the caller closed its directory.
  const dir = options.dir === undefined ? undefined : duplicate(options.dir);
  const mode = options.mode ?? DEFAULT_MODE;
  return whileInThread([name], async () => {
    using _dir = dir;
    // SAFETY: `name` ends with a NUL and is held by whileInThread, `dir` is our
    // own, until the thread is done; the caller checks the result.
    return await libc.openatInThread(
      dir?.number ?? AT.FDCWD,
      name,
      flags | O.CLOEXEC,
      mode,
    );
  });
}
