/**
 * Pauses without timers.
 *
 * The first `setTimeout` of a program makes Deno load its Node timers, 12 ms; a
 * poll(2) in the thread that waits in any case costs 0.3 ms.
 *
 * @module
 */

import { startTimer } from "./poll.ts";

/**
 * Waits, with the event loop running.
 *
 * @param timeMs At least 0.
 * @param signal Ends the pause at once, without throwing.
 * @throws {SysError} If the kernel refuses, `EMFILE`.
 */
export async function pause(
  timeMs: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  signal?.addEventListener("abort", end);
  try {
    await within(promise, timeMs);
  } finally {
    signal?.removeEventListener("abort", end);
  }
}

/**
 * The value of a promise, undefined if it takes longer.
 *
 * @param timeMs At least 0.
 * @throws The rejection of the promise; {@linkcode SysError} if the kernel
 * refuses to wait, `EMFILE`: the promise then continues.
 */
export async function within<T>(
  promise: Promise<T>,
  timeMs: number,
): Promise<T | undefined> {
  const timer = startTimer(timeMs);
  try {
    const over = timer.over.then(() => undefined);
    return await Promise.race([promise, over]);
  } finally {
    timer.stop();
  }
}
