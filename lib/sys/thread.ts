/**
 * Memory for calls that run in another thread.
 *
 * @module
 */

/** Memory that threads use now. A module variable is never collected. */
const inUse = new Set<object>();

/**
 * Keeps `memory` alive until `call` is done. V8 may drop a variable after its
 * last use, and an await is not a use, while the thread still reads the memory.
 *
 * @param memory The memory to which the call points: buffers of their own, made
 * by `new ArrayBuffer` (a small typed array may lie on the heap, which the
 * collector moves).
 */
export async function whileInThread<T>(
  memory: readonly unknown[],
  call: () => Promise<T>,
): Promise<T> {
  inUse.add(memory);
  try {
    return await call();
  } finally {
    inUse.delete(memory);
  }
}

/** The time left of a wait that consists of several. */
export interface Deadline {
  /** Milliseconds left, at least 0. */
  remainingMs(): number;
}

/**
 * Starts a deadline.
 *
 * @param timeoutMs At least 0; Infinity for none.
 * @throws {RangeError} If it is negative or not a number.
 */
export function startDeadline(timeoutMs: number): Deadline {
  if (!(timeoutMs >= 0)) {
    throw new RangeError(
      `A timeout must be at least 0 ms: current value is ${timeoutMs}`,
    );
  }
  const endMs = performance.now() + timeoutMs;
  return { remainingMs: () => Math.max(0, endMs - performance.now()) };
}
