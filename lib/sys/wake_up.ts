/**
 * A descriptor that becomes readable on demand.
 *
 * @module
 */

import { checked, checkedNow } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

/** sys/eventfd.h: EFD_CLOEXEC | EFD_NONBLOCK. */
const EVENTFD_FLAGS = 0o2000000 | 0o4000;

/**
 * Ends a wait: put its descriptor among the descriptors of a poll, then call
 * {@linkcode WakeUp.wake}. Owns an eventfd(2).
 */
export class WakeUp implements Disposable {
  /** Readable (`POLL.IN`) from the first {@linkcode WakeUp.wake} on. */
  readonly fd: Fd;

  /** @throws {ShortageError} `EMFILE`. */
  constructor() {
    // SAFETY: no memory; the result is checked by checked().
    const call = () => libc.eventfd(0, EVENTFD_FLAGS);
    const number = checked("eventfd", null, call);
    this.fd = new Fd(number, "eventfd");
  }

  /**
   * Makes the descriptor readable. Does nothing after disposal, so that it may
   * be called by a listener.
   */
  wake(): void {
    if (this.fd.isClosed) return;
    const one = new BigUint64Array([1n]);
    // SAFETY: `one` has 8 bytes and outlives the synchronous call. EAGAIN is
    // a full counter: readable anyway.
    checkedNow("write", this.fd, () => libc.write(this.fd.number, one, 8n));
  }

  /** Makes it not readable any more. */
  clear(): void {
    const count = new BigUint64Array(1);
    // SAFETY: `count` has the 8 bytes an eventfd gives and outlives the
    // synchronous call. EAGAIN: it was not readable.
    checkedNow("read", this.fd, () => libc.read(this.fd.number, count, 8n));
  }

  /** Closes the eventfd: no wait may use it any more. */
  [Symbol.dispose](): void {
    this.fd.close();
  }
}
