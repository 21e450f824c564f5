/**
 * Waits until the kernel has followed QEMU; no event reports this.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { pause } from "../sys/pause.ts";

/** Longest wait, in milliseconds. */
const KERNEL_TIMEOUT_MS = 2_000;

/** First pause between two looks; it doubles up to the last, in ms. */
const FIRST_PAUSE_MS = 1;
const LAST_PAUSE_MS = 50;

/**
 * Polls until a condition is true; usually it is true at the first look.
 *
 * @param what the awaited condition, for the message
 * @throws {HotplugError} `host-error` after the time-out
 */
export async function waitForKernel(
  isSo: () => boolean,
  what: string,
): Promise<void> {
  const deadline = performance.now() + KERNEL_TIMEOUT_MS;
  let pauseMs = FIRST_PAUSE_MS;
  while (!isSo()) {
    if (performance.now() >= deadline) {
      throw new HotplugError(
        "host-error",
        `Timeout after ${KERNEL_TIMEOUT_MS / 1000} s: waited for ${what}`,
      );
    }
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
  }
}
