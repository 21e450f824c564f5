/**
 * What is done to files that may hang: a dead NFS, a FUSE file system whose
 * server has stopped, a device without its peer, a FIFO without a writer. Each
 * call runs in a thread and has a deadline: thread_call.ts.
 *
 * @module
 */

import { openPathCached } from "./cached_lookup.ts";
import { SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
  DEFAULT_MODE,
  duplicate,
  type OpenOptions,
  procPath,
} from "./file_open.ts";
import { type FileStatus, readStatus } from "./file_status.ts";
import { AT, cString, O, STATX } from "./layout.ts";
import { libc } from "./libc.ts";
import { SlowFd } from "./slow_fd.ts";
import { callWithin, TimeLimit } from "./thread_call.ts";

export { TimeLimit } from "./thread_call.ts";

/** Until when a call is waited for: a limit of its own, or a shared one. */
export type Within =
  | { readonly timeoutMs: number }
  | { readonly limit: TimeLimit };

/** Options of {@linkcode openFileWithin}. */
export type OpenWithinOptions = OpenOptions & Within & {
  /**
   * What it is, for messages, and where it lies.
   *
   * @default {the path}
   */
  readonly label?: string | undefined;
};

/**
 * Opens a file in a thread. What it opens after the deadline is closed at once.
 *
 * @param flags Of {@linkcode O}, combined with `|`.
 * @returns A close-on-exec descriptor the caller owns.
 * @throws {DeadlineError} | {SysError} | {HotplugError} as
 * {@linkcode callWithin}
 * @throws {TypeError} If the path has a NUL.
 */
export async function openFileWithin(
  path: string,
  flags: number,
  options: OpenWithinOptions,
): Promise<Fd> {
  if ((flags & O.PATH) !== 0 && options.dir === undefined) {
    const known = openPathCached(path, flags);
    if (known !== undefined) return known;
  }
  if ("limit" in options) return await open(path, flags, options);
  using limit = new TimeLimit(options.timeoutMs);
  return await open(path, flags, { ...options, limit });
}

async function open(
  path: string,
  flags: number,
  { label = path, dir, mode = DEFAULT_MODE, limit }:
    & Omit<OpenWithinOptions, "timeoutMs">
    & { readonly limit: TimeLimit },
): Promise<Fd> {
  const name = cString(path);
  // The thread may start late, after the caller closed its directory.
  const own = dir && duplicate(dir);
  const from = own?.number ?? AT.FDCWD;
  const all = flags | O.CLOEXEC;
  const number = await callWithin({
    syscall: "open",
    subject: label,
    memory: [name],
    // SAFETY: `name` ends with a NUL; it is held, and `own` open, until the
    // thread is done; callWithin() checks the result.
    inThread: () =>
      libc.openatInThread(from, name, all, mode).finally(() => own?.close()),
    // SAFETY: as above; synchronous, and checked by checked(). The directory
    // is that of the caller, who waits for this.
    again: () => libc.openat(dir?.number ?? AT.FDCWD, name, all, mode),
    late: (number) => new SlowFd(number, label, limit).close(),
  }, limit);
  // With O_PATH nothing was opened that would have to be told of its end.
  return (flags & O.PATH) === 0
    ? new SlowFd(number, label, limit)
    : new Fd(number, label);
}

/**
 * The status of an open file, O_PATH suffices.
 *
 * @throws as {@linkcode callWithin}
 */
export async function statFdWithin(
  fd: Fd,
  limit: TimeLimit,
): Promise<FileStatus> {
  return await statWithin(
    { dir: fd.number, path: "", flags: AT.EMPTY_PATH },
    { subject: fd.label, limit },
  );
}

/**
 * The status of what a path leads to.
 *
 * @param options.label What it is, for messages, and where it lies.
 * @throws as {@linkcode callWithin}
 * @throws {TypeError} If the path has a NUL.
 */
export async function statPathWithin(
  path: string,
  { label, limit }: { readonly label: string; readonly limit: TimeLimit },
): Promise<FileStatus> {
  return await statWithin(
    { dir: AT.FDCWD, path, flags: 0 },
    { subject: label, limit },
  );
}

async function statWithin(
  { dir, path, flags }: {
    readonly dir: number;
    readonly path: string;
    readonly flags: number;
  },
  { subject, limit }: { readonly subject: string; readonly limit: TimeLimit },
): Promise<FileStatus> {
  const name = cString(path);
  const status = new ArrayBuffer(STATX.size);
  const mask = STATX.BASIC_STATS;
  await callWithin({
    syscall: "stat",
    subject,
    memory: [name, status],
    // SAFETY: `name` ends with a NUL, `status` has the size of struct statx;
    // both are held until the thread is done; callWithin() checks the result.
    inThread: () => libc.statxInThread(dir, name, flags, mask, status),
    // SAFETY: as above; synchronous, and checked by checked().
    again: () => libc.statx(dir, name, flags, mask, status),
  }, limit);
  return readStatus(new DataView(status));
}

/**
 * Reads a part of a file, whatever its position is.
 *
 * @param part.length The most that is read, in bytes.
 * @returns What is there: less than `length` bytes at the end of the file.
 * @throws as {@linkcode callWithin}
 */
export async function readPartWithin(
  fd: Fd,
  part: { readonly offset: number; readonly length: number },
  limit: TimeLimit,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(new ArrayBuffer(part.length));
  let read = 0;
  while (read < part.length) {
    const rest = bytes.subarray(read);
    const [length, offset] = [BigInt(rest.length), BigInt(part.offset + read)];
    const count = await callWithin({
      syscall: "read",
      subject: fd.label,
      memory: [rest],
      // SAFETY: `rest` has `length` bytes and is held until the thread is
      // done; callWithin() checks the result.
      inThread: () => libc.preadInThread(fd.number, rest, length, offset),
      // SAFETY: as above; synchronous, and checked by checked().
      again: () => libc.pread(fd.number, rest, length, offset),
    }, limit);
    if (count === 0) break;
    read += count;
  }
  return bytes.subarray(0, read);
}

/** W_OK of unistd.h. */
const W_OK = 2;

/**
 * Whether the kernel would let this process write: not on a read-only file
 * system, nor to an immutable file. Opens nothing. Needs /proc.
 *
 * @param fd May be one opened with O_PATH.
 * @returns the reason, undefined if it would
 * @throws {DeadlineError} | {HotplugError} as {@linkcode callWithin}
 */
export async function writeFault(
  fd: Fd,
  limit: TimeLimit,
): Promise<SysError | undefined> {
  const name = cString(procPath(fd));
  try {
    await callWithin({
      syscall: "access",
      subject: fd.label,
      memory: [name],
      // SAFETY: `name` ends with a NUL and is held until the thread is done;
      // callWithin() checks the result.
      inThread: () => libc.faccessatInThread(AT.FDCWD, name, W_OK, 0),
      // SAFETY: as above; synchronous, and checked by checked().
      again: () => libc.faccessat(AT.FDCWD, name, W_OK, 0),
    }, limit);
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}
