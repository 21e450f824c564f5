/**
 * Waiting with an end.
 *
 * @module
 */

/**
 * Longest wait of a test for what must come: an emulated guest on a busy machine
 * is slow, and waiting costs nothing where all goes well.
 */
export const PATIENCE_MS = 120_000;

/** Nothing came in time. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/**
 * The value of `promise`, or a {@link TimeoutError} after `timeoutMs`
 * milliseconds. Leaves no timer behind.
 */
export async function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: string,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TimeoutError(`No ${what} within ${timeoutMs} ms`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How {@link until} asks. */
export interface UntilOptions {
  /** @default {@linkcode PATIENCE_MS} */
  readonly timeoutMs?: number;
  /** The awaited condition, for the message. */
  readonly what: string;
  /** Milliseconds between two questions. @default 10 */
  readonly everyMs?: number;
}

/**
 * Asks again and again until the answer is not undefined; for states that
 * nothing announces.
 *
 * @throws {TimeoutError} after `timeoutMs`
 */
export async function until<T>(
  ask: () => Promise<T | undefined>,
  options: UntilOptions,
): Promise<T> {
  const { what, timeoutMs = PATIENCE_MS, everyMs = 10 } = options;
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) {
      throw new TimeoutError(`No ${what} within ${timeoutMs} ms`);
    }
    await new Promise((next) => setTimeout(next, everyMs));
  }
}
