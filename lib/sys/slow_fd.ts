/**
 * A descriptor for which close may hang.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { fileSystemOf } from "./mounts.ts";
import { pause, within } from "./pause.ts";
import { isCalling } from "./places.ts";
import { startDeadline } from "./thread.ts";
import { callAside, type TimeLimit } from "./thread_call.ts";

/** All open ones. */
const open = new Set<SlowFd>();

/**
 * Owns one descriptor and closes it once, in a thread: FUSE and NFS ask their
 * server (`flush` of struct file_operations), a block device writes its dirty
 * pages.
 *
 * `await using` waits until it is closed, or until the limit under which it was
 * opened has ended. If too many calls hang already, it stays open until one of
 * them returns.
 */
export class SlowFd extends Fd implements AsyncDisposable {
  /** Resolved when it was released, or when its closing has begun. */
  readonly leaving: Promise<void>;
  readonly #leave: () => void;
  readonly #limit: TimeLimit;
  #closed: Promise<unknown> = Promise.resolve();

  /**
   * Takes over the ownership of `number`.
   *
   * @param number An open descriptor, at least 0.
   * @param limit The time limit of the caller that opened it.
   */
  constructor(number: number, label: string, limit: TimeLimit) {
    super(number, label);
    this.#limit = limit;
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.leaving, this.#leave] = [promise, resolve];
    open.add(this);
  }

  /** As {@linkcode Fd.release}. */
  override release(): number {
    const number = super.release();
    this.#left();
    return number;
  }

  #left(): void {
    open.delete(this);
    this.#leave();
  }

  /** Begins to close it. A second call does nothing. */
  override close(): void {
    if (this.isClosed) return;
    const number = super.release();
    this.#closed = callAside(this.label, () => {
      this.#left();
      // SAFETY: no memory; the number is ours and is forgotten before, so it
      // cannot be closed twice. Its failure means nothing: see Fd.close().
      return libc.closeInThread(number);
    });
  }

  /** Closes it and waits for a limited time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.race([this.#closed, this.#limit.ended]);
  }
}

/**
 * After this time at the latest, in milliseconds, this thread knows the result
 * of a call in a thread, and a number is free if its closing was begun.
 */
const TURN_MS = 10;

/** Open files of FUSE: a server in user space takes part in their closing. */
function ofFuse(): SlowFd[] {
  if (open.size === 0) return [];
  return [...open].filter((fd) => fileSystemOf(fd)?.startsWith("fuse"));
}

/**
 * Waits until a program can be started. A new process has copies of all our
 * descriptors and closes them before it runs. If the server of a FUSE file has
 * stopped, this close never returns. A process that reads its /proc/PID then
 * waits, too, because the kernel holds exec_update_lock. So files of FUSE must
 * be closed before; each call on them has a deadline.
 *
 * @param timeoutMs The longest wait: some files may be in use for long.
 */
export async function untilStartable(timeoutMs: number): Promise<void> {
  const deadline = startDeadline(timeoutMs);
  if (isCalling()) await pause(TURN_MS);
  while (deadline.remainingMs() > 0) {
    const fds = ofFuse();
    if (fds.length === 0) return;
    const leaving = Promise.all(fds.map((fd) => fd.leaving));
    await within(leaving, deadline.remainingMs());
    await pause(TURN_MS);
  }
}
