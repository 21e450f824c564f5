/**
 * Failed system calls as typed errors.
 *
 * @module
 */

import { isShortage, orNone } from "../errors.ts";
import { lastErrno, libc } from "./libc.ts";

/**
 * The names of Linux's errnos from 1 on; 41 and 58 have none. x86_64 and
 * aarch64 share include/uapi/asm-generic/errno.h. EWOULDBLOCK is EAGAIN,
 * EDEADLOCK EDEADLK.
 */
export const ERRNO_NAMES: readonly string[] = `
EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM
EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE
EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE
EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP E41 ENOMSG EIDRM ECHRNG
EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO
EBADRQC EBADSLT E58 EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE
ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ
EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART
ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT
EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET ECONNABORTED
ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT
ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN
ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY
EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL
EHWPOISON
`.trim().split(/\s/);

/** The C library's text for an errno; only if the C library can be called. */
function textOf(code: string): string {
  const errno = ERRNO_NAMES.indexOf(code) + 1;
  // SAFETY: no memory; glibc gives a text that lasts until the next call; still
  // checked for null.
  const text = errno === 0 ? null : libc.strerror(errno);
  return text === null
    ? "Unknown error"
    : new Deno.UnsafePointerView(text).getCString();
}

/** A system call that failed: the base of both kinds of failure. */
export class FailedCall extends Error {
  /** The errno's name (`ENOENT`), or `E` and the number for an unknown one. */
  readonly code: string;
  /** The call that failed, without parentheses. */
  readonly syscall: string;
  /** The object of the call: a path, an fd's label. */
  declare readonly subject?: string;

  /**
   * Makes the message `syscall subject: text (code)`.
   *
   * @param text @default {the text of the C library}
   */
  constructor(
    code: string,
    { syscall, subject }: CallName,
    text: string = textOf(code),
  ) {
    const target = subject === undefined ? "" : ` ${subject}`;
    super(`${syscall}${target}: ${text} (${code})`);
    this.code = code;
    this.syscall = syscall;
    if (subject !== undefined) this.subject = subject;
  }
}

/**
 * A system call was refused because descriptors or memory were short, or
 * because of a disturbance. It answers nothing: code that takes a
 * {@linkcode SysError} as an answer ("the process is gone") does not catch this
 * error.
 */
export class ShortageError extends FailedCall {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "ShortageError";
}

/**
 * The kernel refused a system call.
 *
 * @example
 * ```ts
 * import { SysError } from "./errno.ts";
 * const error = new SysError("ENOENT", { syscall: "open", subject: "/x" });
 * console.log(error.message); // open /x: No such file or directory (ENOENT)
 * ```
 */
export class SysError extends FailedCall {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "SysError";
}

/** The error of a failed call, by its errno. Arguments: {@linkcode FailedCall}. */
export function failedCall(
  ...about: ConstructorParameters<typeof FailedCall>
): SysError | ShortageError {
  const error = new SysError(...about);
  return isShortage(error) ? new ShortageError(...about) : error;
}

/** Something did not happen within its time limit. */
export class DeadlineError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "DeadlineError";
  /** The awaited action, as in "open /dev/drbd0". */
  readonly what: string;
  /** The time limit, in milliseconds. */
  readonly timeoutMs: number;

  /** Makes the message `what: not done within timeoutMs ms`. */
  constructor(what: string, timeoutMs: number) {
    super(`${what}: not done within ${timeoutMs} ms`);
    this.what = what;
    this.timeoutMs = timeoutMs;
  }
}

/** The name of a failed call in its error. */
export interface CallName {
  /** Without parentheses, e.g. `open`, `ioctl TUNSETIFF`. */
  readonly syscall: string;
  /** The object of the call: a path, an fd's label. */
  readonly subject?: string | undefined;
}

/** A path, or a descriptor by its label. */
type Subject = string | { readonly label: string } | null;

function subjectOf(of: Subject): string | undefined {
  return typeof of === "string" ? of : of?.label;
}

const ENOENT = 2;
const EINTR = 4;
const EAGAIN = 11;

/**
 * Calls a libc function until it is not interrupted by a signal.
 *
 * @param of The object of the call; null if there is none.
 * @param call Must end with exactly one libc call and return its result.
 * @throws {SysError} If it fails; {@linkcode ShortageError} if descriptors or
 * memory are short, or because of a disturbance.
 */
export function checked(
  syscall: string,
  of: Subject,
  call: () => number,
): number {
  const result = checkedNow(syscall, of, call);
  if (result !== undefined) return result;
  throw failedCall("EAGAIN", { syscall, subject: subjectOf(of) });
}

/**
 * As {@linkcode checked}, for a call that may have to wait.
 *
 * @returns Undefined if it would have to wait (`EAGAIN`).
 */
export function checkedNow(
  syscall: string,
  of: Subject,
  call: () => number,
): number | undefined {
  return checkedUnless(EAGAIN, { syscall, of }, call);
}

/**
 * As {@linkcode checked}, for a file that may not be there. This case makes no
 * error: to make and to catch an error costs as much as ten calls.
 *
 * @returns Undefined if there is nothing (`ENOENT`).
 */
export function checkedIfThere(
  syscall: string,
  of: Subject,
  call: () => number,
): number | undefined {
  return checkedUnless(ENOENT, { syscall, of }, call);
}

/** The result; undefined for one errno. */
function checkedUnless(
  none: number,
  { syscall, of }: { readonly syscall: string; readonly of: Subject },
  call: () => number,
): number | undefined {
  for (;;) {
    const result = call();
    if (result !== -1) return result;
    const errno = lastErrno();
    if (errno === EINTR) continue;
    if (errno === none) return undefined;
    const code = ERRNO_NAMES[errno - 1] ?? `E${errno}`;
    throw failedCall(code, { syscall, subject: subjectOf(of) });
  }
}

/**
 * Makes a call that the kernel may refuse, for example because nothing is
 * there.
 *
 * @param codes refusals that are not failures; without any, no refusal is a
 * failure
 * @returns undefined for such a refusal
 * @throws {SysError} For every other refusal; {@linkcode ShortageError} in
 * every case, as it is not an answer.
 */
export function unlessRefused<T>(
  ask: () => T,
  ...codes: readonly string[]
): T | undefined {
  return orNone(ask, (error) =>
    error instanceof SysError &&
    (codes.length === 0 || codes.includes(error.code)));
}
