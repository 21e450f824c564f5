/**
 * Operations on files that may hang: a dead NFS server, a FUSE file system with
 * a stopped server, a device without its peer, a FIFO without a writer. Each
 * call has a deadline, and runs in a thread unless it cannot hang:
 * thread_call.ts.
 *
 * @module
 */

import { checked, checkedNow, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { openPathCached } from "./file_lookup.ts";
import { DEFAULT_MODE, procPath } from "./file_open.ts";
import { type FileStatus, readStatus } from "./file_status.ts";
import { AT, cString, F, O, STATX } from "./layout.ts";
import { libc } from "./libc.ts";
import { isPrompt, keepAs } from "./prompt_file.ts";
import { SlowFd } from "./slow_fd.ts";
import { callWithin, type ThreadCall, TimeLimit } from "./thread_call.ts";

export { TimeLimit } from "./thread_call.ts";

/** The time limit of {@linkcode openFileWithin}: its own or a shared one. */
export type OpenWithinOptions =
  & ({ readonly timeoutMs: number } | { readonly limit: TimeLimit })
  & {
    /**
     * Its name, for messages, with its place.
     *
     * @default {the path}
     */
    readonly label?: string;
    /**
     * An fd of the same inode, if the path leads through it:
     * {@linkcode procPath}.
     *
     * @default none
     */
    readonly pinned?: Fd;
  };

/**
 * Opens a file, in a thread if this may hang. A file that is opened after the
 * deadline is closed at once.
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
  const isPath = (flags & O.PATH) !== 0;
  const known = isPath ? openPathCached(path, flags) : undefined;
  if (known !== undefined) return known;
  if (!("limit" in options)) {
    using limit = new TimeLimit(options.timeoutMs);
    return await openFileWithin(path, flags, { ...options, limit });
  }
  const { label = path, limit, pinned } = options;
  if (pinned !== undefined && isPrompt("openat", pinned)) {
    const fd = openUnleased(path, { flags, label, pinned });
    if (fd !== undefined) return fd;
  }
  const number = await callWithin({
    function: "openat",
    args: [AT.FDCWD, cString(path), flags | O.CLOEXEC, DEFAULT_MODE],
    syscall: "open",
    subject: label,
    late: (number) => new SlowFd(number, label, limit).close(),
  }, limit);
  // With O_PATH no file system has to be told of the closing.
  if (isPath) return new Fd(number, label);
  const fd = new SlowFd(number, label, limit);
  if (pinned !== undefined) keepAs(fd, pinned);
  return fd;
}

/**
 * Opens an inode that is in memory. It waits for no device: only for a lease of
 * another process (fcntl(2), F_SETLEASE), which O_NONBLOCK refuses, and for a
 * program that permits each open on this node (fanotify(7)).
 *
 * @returns undefined if a wait may be needed
 * @throws {SysError}
 */
function openUnleased(
  path: string,
  { flags, label, pinned }: {
    readonly flags: number;
    readonly label: string;
    readonly pinned: Fd;
  },
): Fd | undefined {
  const name = cString(path);
  const how = flags | O.NONBLOCK | O.CLOEXEC;
  // SAFETY: `name` ends with a NUL and outlives the synchronous call; the
  // result is checked by checkedNow().
  const open = () => libc.openat(AT.FDCWD, name, how, DEFAULT_MODE);
  const number = checkedNow("open", label, open);
  if (number === undefined) return undefined;
  const fd = new Fd(number, label);
  keepAs(fd, pinned);
  if ((flags & O.NONBLOCK) === 0) {
    // It would stay with the open file: io_uring does not wait on such a file.
    // SAFETY: no memory; the result is checked by checked().
    const set = () => libc.fcntlNumber(fd.number, F.SETFL, BigInt(flags));
    try {
      checked("fcntl", fd, set);
    } catch (error) {
      fd.close();
      throw error;
    }
  }
  return fd;
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
  const named = { dir: fd.number, path: "", flags: AT.EMPTY_PATH };
  return await statWithin(named, { subject: fd.label, file: fd }, limit);
}

/**
 * The status of the file at a path.
 *
 * @param options.label Its name, for messages, with its place.
 * @throws as {@linkcode callWithin}
 * @throws {TypeError} If the path has a NUL.
 */
export async function statPathWithin(
  path: string,
  { label, limit }: { readonly label: string; readonly limit: TimeLimit },
): Promise<FileStatus> {
  const named = { dir: AT.FDCWD, path, flags: 0 };
  return await statWithin(named, { subject: label }, limit);
}

async function statWithin(
  named: {
    readonly dir: number;
    readonly path: string;
    readonly flags: number;
  },
  about: Pick<ThreadCall<"statx">, "subject" | "file">,
  limit: TimeLimit,
): Promise<FileStatus> {
  const { dir, path, flags } = named;
  const status = new ArrayBuffer(STATX.size);
  await callWithin({
    function: "statx",
    args: [dir, cString(path), flags, STATX.BASIC_STATS, status],
    syscall: "stat",
    ...about,
  }, limit);
  return readStatus(new DataView(status));
}

/**
 * Reads a part of a file, whatever its position is.
 *
 * @param part.length The most that is read, in bytes.
 * @returns The bytes of the part: less than `length` bytes at the end of the
 * file.
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
      function: "pread",
      args: [fd.number, rest, length, offset],
      syscall: "read",
      subject: fd.label,
      file: fd,
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
 * @returns the reason of a refusal, undefined if writing is allowed
 * @throws {DeadlineError} | {HotplugError} as {@linkcode callWithin}
 */
export async function writeFault(
  fd: Fd,
  limit: TimeLimit,
): Promise<SysError | undefined> {
  try {
    await callWithin({
      function: "faccessat",
      args: [AT.FDCWD, cString(procPath(fd)), W_OK, 0],
      syscall: "access",
      subject: fd.label,
      file: fd,
    }, limit);
    return undefined;
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}
