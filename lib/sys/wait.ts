/**
 * Waiting for one descriptor, with a deadline and a way to end it early.
 *
 * @module
 */

import type { PollRequest } from "./poll.ts";
import { isWaiting, poll, pollOne, WakeUp } from "./poll.ts";
import { POLL } from "./layout.ts";
import { startDeadline } from "./thread.ts";

/** Limits of a wait. */
export interface WaitOptions {
  /** The longest wait, at least 0. */
  readonly timeoutMs: number;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * How long a wait may block the whole program before it moves to a thread,
 * which costs 0.1 ms on an idle machine and far more on a busy one. QEMU answers
 * most commands within it.
 */
const PATIENCE_MS = 5;
/** The same while nothing else waits: QEMU plugs a device within it. */
const PATIENCE_ALONE_MS = 20;

/**
 * Waits for events of one descriptor, which must stay open meanwhile.
 *
 * @returns "ready" also for `ERR` and `HUP`. An aborted wait has left the
 * thread when this returns, so that the descriptor may be closed.
 * @throws {SysError} If the kernel refuses.
 */
export async function waitFor(
  request: PollRequest,
  options: WaitOptions,
): Promise<"ready" | "timeout" | "aborted"> {
  const { signal, timeoutMs } = options;
  const deadline = startDeadline(timeoutMs);
  if (signal?.aborted) return "aborted";
  // Others send first what they have to send.
  await undefined;
  if (signal?.aborted) return "aborted";
  const patienceMs = isWaiting() ? PATIENCE_MS : PATIENCE_ALONE_MS;
  if (pollOne(request, Math.min(timeoutMs, patienceMs))) return "ready";
  if (deadline.remainingMs() === 0) return "timeout";
  using wakeUp = new WakeUp();
  const abort = () => wakeUp.wake();
  signal?.addEventListener("abort", abort);
  try {
    const requests = [request, { fd: wakeUp.fd, events: POLL.IN }];
    const [ready] = await poll(requests, deadline.remainingMs());
    if (ready) return "ready";
    return signal?.aborted ? "aborted" : "timeout";
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
