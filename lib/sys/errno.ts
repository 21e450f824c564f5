/**
 * Failed system calls as typed errors.
 *
 * @module
 */

import { isShortage } from "../errors.ts";
import { ERRNO_TABLE } from "./errno_table.ts";
import { lastErrno } from "./libc.ts";

/** Name and text of an errno, undefined if Linux has none of this number. */
function entryOf(errno: number): [code: string, text: string] | undefined {
  const start = ERRNO_TABLE.indexOf(`\n${errno} `);
  if (start < 0) return undefined;
  const line = ERRNO_TABLE.slice(
    start + 1,
    ERRNO_TABLE.indexOf("\n", start + 1),
  );
  const [, code = "", ...words] = line.split(" ");
  return [code, words.join(" ")];
}

/** The number of an errno's name, 0 if Linux has none of it. */
export function errnoNamed(code: string): number {
  const end = ERRNO_TABLE.indexOf(` ${code} `);
  if (end < 0) return 0;
  const start = ERRNO_TABLE.lastIndexOf("\n", end);
  return Number(ERRNO_TABLE.slice(start + 1, end));
}

/** Numbers of the errnos that code of this program decides on. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOTTY: 25,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  ECONNRESET: 104,
  ECONNREFUSED: 111,
} as const;

/** A system call that failed: what both kinds of failure have. */
export class FailedCall extends Error {
  /** The Linux errno, above 0. */
  readonly errno: number;
  /** Its name (`ENOENT`), or `E` and the number for one not in the table. */
  readonly code: string;
  /** The call that failed, without parentheses. */
  readonly syscall: string;
  /** What it was applied to: a path, an fd's label. */
  declare readonly subject?: string;

  /** Makes the message `syscall subject: text (code)`. */
  constructor(errno: number, syscall: string, subject?: string) {
    const [code, text] = entryOf(errno) ?? [`E${errno}`, "Unknown error"];
    const target = subject === undefined ? "" : ` ${subject}`;
    super(`${syscall}${target}: ${text} (${code})`);
    this.errno = errno;
    this.code = code;
    this.syscall = syscall;
    if (subject !== undefined) this.subject = subject;
  }
}

/**
 * A system call was refused for want of descriptors, memory or an undisturbed
 * moment. It answers nothing: whoever takes a {@linkcode SysError} for an
 * answer ("the process is gone") does not get this one.
 */
export class ShortageError extends FailedCall {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "ShortageError";
}

/**
 * A system call said no.
 *
 * @example
 * ```ts
 * import { Errno, SysError } from "./errno.ts";
 *
 * const error = new SysError(Errno.ENOENT, "open", "/x");
 * console.log(error.message); // open /x: No such file or directory (ENOENT)
 * ```
 */
export class SysError extends FailedCall {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "SysError";
}

/**
 * The error of a failed call, by its errno.
 *
 * @param errno A Linux errno, above 0.
 */
export function failedCall(
  errno: number,
  { syscall, subject }: CallName,
): SysError | ShortageError {
  const error = new SysError(errno, syscall, subject);
  return isShortage(error) ? new ShortageError(errno, syscall, subject) : error;
}

/** Something did not happen in the time it was given. */
export class DeadlineError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "DeadlineError";
  /** What was waited for, as in "open /dev/drbd0". */
  readonly what: string;
  /** The time it was given, in milliseconds. */
  readonly timeoutMs: number;

  /** Makes the message `what: not done within timeoutMs ms`. */
  constructor(what: string, timeoutMs: number) {
    super(`${what}: not done within ${timeoutMs} ms`);
    this.what = what;
    this.timeoutMs = timeoutMs;
  }
}

/** What a failed call is called in its error. */
export interface CallName {
  /** Without parentheses, e.g. `open`, `ioctl TUNSETIFF`. */
  readonly syscall: string;
  /** What it is applied to: a path, an fd's label. */
  readonly subject?: string | undefined;
}

/**
 * Calls a libc function until it is not interrupted by a signal.
 *
 * @param call Must end with exactly one libc call and return its result.
 * @param ignored Errnos for which -1 is returned negated instead of thrown.
 * @returns The result, or `-errno` for an ignored one.
 * @throws {SysError} For every other failure; {@linkcode ShortageError} for
 * want of descriptors, memory or an undisturbed moment.
 */
export function checked(
  call: () => number,
  name: CallName,
  ignored: readonly number[] = [],
): number {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = lastErrno();
    if (errno === Errno.EINTR) continue;
    if (ignored.includes(errno)) return -errno;
    throw failedCall(errno, name);
  }
}

/**
 * Asks or does what the kernel may refuse, as it does where nothing is there.
 *
 * @param codes refusals that are no failure; without any, none is
 * @returns undefined if it refuses so
 * @throws {SysError} For every other refusal; {@linkcode ShortageError} in
 * every case, as it is no answer.
 */
export function unlessRefused<T>(
  ask: () => T,
  ...codes: readonly string[]
): T | undefined {
  try {
    return ask();
  } catch (error) {
    const isSo = error instanceof SysError &&
      (codes.length === 0 || codes.includes(error.code));
    if (isSo) return undefined;
    throw error;
  }
}
