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
  clock_getcpuclockid: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});

/**
 * Milliseconds that all threads of a process had the CPU, in its own code and
 * in the kernel.
 */
export function cpuMsOf(pid: number): number {
  const clock = new Int32Array(1);
  const time = new BigInt64Array(2);
  // SAFETY: `clock` has the 4 bytes of a clockid_t and `time` the 16 of a
  // struct timespec; both outlive the synchronous calls, whose results are
  // checked.
  const isKnown = libc.clock_getcpuclockid(pid, clock) === 0 &&
    libc.clock_gettime(clock[0] ?? 0, time) === 0;
  if (!isKnown) throw new Error(`Cannot read the CPU time of process ${pid}`);
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}

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
