/**
 * Pauses without timers.
 *
 * The first `setTimeout` of a program makes Deno load its Node timers, 12 ms;
 * a poll(2) in the thread that waits anyway costs 0.3 ms.
 *
 * @module
 */

import { POLL } from "./layout.ts";
import { poll, WakeUp } from "./poll.ts";

/**
 * Waits, with the event loop running.
 *
 * @param timeMs At least 0.
 * @param signal Ends the pause at once, without throwing.
 */
export async function pause(
  timeMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return;
  using wakeUp = new WakeUp();
  const wake = () => wakeUp.wake();
  signal?.addEventListener("abort", wake);
  try {
    await poll([{ fd: wakeUp.fd, events: POLL.IN }], timeMs);
  } finally {
    signal?.removeEventListener("abort", wake);
  }
}

/**
 * The value of a promise, undefined if it takes longer.
 *
 * @param timeMs At least 0.
 */
export async function within<T>(
  promise: Promise<T>,
  timeMs: number,
): Promise<T | undefined> {
  using wakeUp = new WakeUp();
  // It may come when nobody waits any more.
  const wake = () => wakeUp.fd.isClosed || wakeUp.wake();
  promise.then(wake, wake);
  const [done] = await poll([{ fd: wakeUp.fd, events: POLL.IN }], timeMs);
  return done ? await promise : undefined;
}
