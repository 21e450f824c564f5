/**
 * A descriptor whose closing may hang.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { mountOfFd, readMounts } from "./mounts.ts";
import { pause, within } from "./pause.ts";
import { isCalling } from "./places.ts";
import { startDeadline } from "./thread.ts";
import { callAside, type TimeLimit } from "./thread_call.ts";

/** Those that are open. */
const open = new Set<SlowFd>();

/**
 * Owns one descriptor and closes it once, in a thread: FUSE and NFS ask their
 * server (`flush` of struct file_operations), a block device writes back what
 * is dirty.
 *
 * `await using` waits until it is closed, or the limit under which it was
 * opened has ended. Where too many calls hang already, it stays open until one
 * of them returns.
 */
export class SlowFd extends Fd implements AsyncDisposable {
  /** Resolved when it is another's, or its closing has begun. */
  readonly leaving: Promise<void>;
  readonly #leave: () => void;
  readonly #limit: TimeLimit;
  #closed: Promise<unknown> = Promise.resolve();

  /**
   * Takes over the ownership of `number`.
   *
   * @param number An open descriptor, at least 0.
   * @param limit Until when whoever opened it waits.
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

  /** Closes it and waits, but not for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.race([this.#closed, this.#limit.ended]);
  }
}

/**
 * What a thread has opened is known here, and a number whose closing was begun
 * is free, after this time at the latest, in milliseconds.
 */
const TURN_MS = 10;

/** Open files for whose closing a server in user space is asked. */
function ofFuse(): SlowFd[] {
  if (open.size === 0) return [];
  const mounts = readMounts();
  return [...open].filter((fd) =>
    mountOfFd(fd, mounts)?.type.startsWith("fuse")
  );
}

/**
 * Waits until a program can be started: it is born with a copy of all our
 * descriptors and closes them before it begins. Where the server of a FUSE file
 * has stopped, it never does begin, and who looks at its /proc/PID waits, too:
 * the kernel holds its exec_update_lock. So files of FUSE must be closed before;
 * each call on them has a deadline.
 *
 * @param timeoutMs The longest wait: some may be in use for long.
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
