/**
 * Calls that may hang, each in a thread, with a deadline.
 *
 * @module
 */

import { type CallName, checked, DeadlineError, SysError } from "./errno.ts";
import { type Libc, libc } from "./libc.ts";
import type { Fd } from "./fd.ts";
import { isPrompt } from "./prompt_file.ts";
import { awaitPlace, type Place, takePlace } from "./places.ts";
import { startTimer, type Timer } from "./poll.ts";
import { type Deadline, startDeadline, whileInThread } from "./thread.ts";

/**
 * A time limit for a call, or for several in a row: one deadline with one
 * timer. Dispose of it when the calls are done.
 */
export class TimeLimit implements Disposable, Deadline {
  /** The whole time, in milliseconds. */
  readonly timeoutMs: number;
  readonly #deadline: Deadline;
  #timer: Timer | undefined;
  #isDisposed = false;
  readonly #ended = Promise.withResolvers<void>();

  /**
   * The time begins now.
   *
   * @param timeoutMs At least 0.
   * @throws {RangeError} If it is negative or not a number.
   */
  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
    this.#deadline = startDeadline(timeoutMs);
  }

  /** A limit for which no call waits needs no timer. */
  #started(): Timer {
    if (this.#timer !== undefined) return this.#timer;
    const timer = this.#timer = startTimer(this.remainingMs());
    timer.over.then(this.#ended.resolve, () => this.#ended.resolve());
    return timer;
  }

  /** Milliseconds left, at least 0. */
  remainingMs(): number {
    return this.#deadline.remainingMs();
  }

  /** As {@linkcode Timer.over}. */
  get over(): Promise<void> {
    return this.#started().over;
  }

  /** Resolved when the time is over or the limit was disposed of. */
  get ended(): Promise<void> {
    if (!this.#isDisposed) this.#started();
    return this.#ended.promise;
  }

  /** Stops the timer. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#timer?.stop();
    this.#ended.resolve();
  }
}

/** The functions that are called in a thread. */
type Threaded = "faccessat" | "fcntl" | "ioctl" | "openat" | "pread" | "statx";

/** One call that may hang. */
export interface ThreadCall<F extends Threaded> {
  readonly function: F;
  /** Its buffers have memory of their own: see {@linkcode whileInThread}. */
  readonly args: Parameters<Libc[F]>;
  /** For messages, without parentheses, e.g. `open`. */
  readonly syscall: string;
  /** The path or label it is applied to. */
  readonly subject: string;
  /** The file it is applied to: on some files it answers at once. */
  readonly file?: Fd | undefined;
  /** Gets a result after the deadline, e.g. to close an fd. */
  readonly late?: (result: number) => void;
}

/**
 * A failure is repeated on the main thread only if it came within this time: a
 * call that failed slowly once may hang the second time.
 */
const FAILED_AT_ONCE_MS = 200;

/**
 * Makes a call that may hang, in a thread unless it cannot hang on this file. A
 * call that hangs keeps its thread until it returns: see places.ts.
 *
 * @returns The call's result, not -1.
 * @throws {DeadlineError} If it did not return in time.
 * @throws {SysError} If the kernel refuses. `EIO` stands for every failure that
 * took longer than 200 ms, because its errno is lost with the thread. `EMFILE`
 * also if there is no fd to wait with.
 * @throws {HotplugError} `busy` if too many calls hang.
 */
export async function callWithin<F extends Threaded>(
  call: ThreadCall<F>,
  limit: TimeLimit,
): Promise<number> {
  const { subject } = call;
  if (limit.remainingMs() === 0) throw tooLate(call, limit);
  if (call.file !== undefined && isPrompt(call.function, call.file)) {
    return callHere(call);
  }
  const giveBack = await takePlace(subject, limit);
  const startMs = performance.now();
  const result = await inTime(call, limit, giveBack);
  if (result !== -1) return result;
  if (performance.now() - startMs > FAILED_AT_ONCE_MS) {
    throw new SysError("EIO", call);
  }
  // The same call fails the same way: the errno stayed with the thread.
  return callHere(call);
}

function callHere<F extends Threaded>(
  { function: name, args, syscall, subject }: ThreadCall<F>,
): number {
  const call = libc[name] as (...args: unknown[]) => number;
  // SAFETY: as in the thread, but synchronous; the result is checked by
  // checked().
  return checked(syscall, subject, () => call(...args));
}

function tooLate(
  { syscall, subject }: CallName,
  { timeoutMs }: TimeLimit,
): DeadlineError {
  return new DeadlineError(`${syscall} ${subject}`, timeoutMs);
}

/** The result, or the deadline if it comes first: then the result is late. */
function inTime<F extends Threaded>(
  call: ThreadCall<F>,
  limit: TimeLimit,
  giveBack: Place,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let isWaitedFor = true;
  const giveUp = (error: unknown) => {
    isWaitedFor = false;
    reject(error);
  };
  limit.over.then(() => giveUp(tooLate(call, limit)), giveUp);
  const run = libc[`${call.function}InThread`] as (
    ...args: unknown[]
  ) => Promise<number>;
  // SAFETY: the memory of the arguments is held until the thread is done. Each
  // caller makes sure that a path ends with a NUL, that a length is the length
  // of its buffer, and that a buffer has the size of its struct. callWithin()
  // explains the result -1.
  const calling = whileInThread(call.args, () => run(...call.args));
  calling.finally(giveBack).then((result) => {
    if (isWaitedFor) resolve(result);
    else if (result !== -1) call.late?.(result);
  }, giveUp);
  return promise;
}

/**
 * Makes a call in a thread, because it may hang; no caller needs the result. If
 * too many calls hang already, it is made when one of them has returned.
 *
 * @returns Settled when it has returned.
 */
export async function callAside(
  subject: string,
  inThread: () => Promise<unknown>,
): Promise<void> {
  const giveBack = await awaitPlace(subject);
  try {
    await inThread();
  } finally {
    giveBack();
  }
}
