/**
 * Waiting for something that no event announces.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { pause } from "../sys/pause.ts";

/** How long to wait, and for what. */
export interface UntilOptions {
  /** Longest wait, in milliseconds. */
  readonly timeoutMs: number;
  /** What is awaited, for the message. */
  readonly what: string;
}

/** First pause between two looks; it doubles up to the last, in ms. */
const FIRST_PAUSE_MS = 1;
const LAST_PAUSE_MS = 50;

/**
 * Looks until it is so; usually it is at the first look.
 *
 * @throws {HotplugError} `host-error` after the time-out
 */
export async function until(
  isSo: () => boolean,
  { timeoutMs, what }: UntilOptions,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let pauseMs = FIRST_PAUSE_MS;
  while (!isSo()) {
    if (performance.now() >= deadline) {
      throw new HotplugError(
        "host-error",
        `Waited ${timeoutMs / 1000} s in vain for ${what}`,
      );
    }
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
  }
}

/** Longest wait for the kernel to follow QEMU, in milliseconds. */
export const KERNEL_TIMEOUT_MS = 2_000;
