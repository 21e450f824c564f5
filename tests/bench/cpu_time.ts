/**
 * How long child processes had the CPU: hardly disturbed by what else runs on
 * the machine, as the time on the clock is.
 *
 * @module
 */

/** linux/resource.h: RUSAGE_CHILDREN. */
const CHILDREN = -1;
/** sizeof(struct rusage), which begins with two of struct timeval. */
const RUSAGE_BYTES = 144;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  getrusage: { parameters: ["i32", "buffer"], result: "i32" },
});

/**
 * Milliseconds that all children which have ended, and those that they waited
 * for, had the CPU, in their own code and in the kernel.
 */
export function cpuMsOfChildren(): number {
  const usage = new BigInt64Array(RUSAGE_BYTES / 8);
  // SAFETY: `usage` has the 144 bytes the kernel writes and outlives the
  // synchronous call; the result is checked below.
  if (libc.getrusage(CHILDREN, usage) !== 0) {
    throw new Error("Cannot read the CPU time of child processes");
  }
  const [userS, userUs, systemS, systemUs] = [...usage].map(Number);
  return ((userS ?? NaN) + (systemS ?? NaN)) * 1000 +
    ((userUs ?? NaN) + (systemUs ?? NaN)) / 1000;
}
