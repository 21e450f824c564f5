/**
 * What a child process has used: wait4(2), getrusage(2).
 *
 * For measuring only: its two calls come from a library of their own and not
 * from lib/sys/libc.ts.
 *
 * @module
 */

import { ERRNO_NAMES, SysError } from "../../lib/sys/errno.ts";

/** How a child ended and what it had used by then. */
export interface ChildUsage {
  /** Its exit status, or 128 and the signal's number, as a shell has it. */
  readonly status: number;
  /** The most memory it had resident at one time, in bytes. */
  readonly peakBytes: number;
}

/** linux/prctl.h */
const PR_SET_CHILD_SUBREAPER = 36;
/** `struct rusage` (linux/resource.h): two timevals, then ru_maxrss in KiB. */
const RUSAGE_SIZE = 144;
const MAXRSS_OFFSET = 32;

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  // Variadic, and of longs: integers travel in the same registers either way.
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  wait4: { parameters: ["i32", "buffer", "i32", "buffer"], result: "i32" },
} as const;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

function symbols() {
  return opened ??= Deno.dlopen("libc.so.6", SYMBOLS).symbols;
}

/** Read directly after the call that returned -1. */
function failure(syscall: string): SysError {
  // SAFETY: no arguments; the result is checked in the next line.
  const location = symbols().__errno_location();
  if (location === null) throw new Error("The C library has no errno");
  // SAFETY: the view covers the thread's own int, alive as long as the thread.
  const errno = new Deno.UnsafePointerView(location).getInt32();
  return new SysError(ERRNO_NAMES[errno - 1] ?? `E${errno}`, { syscall });
}

/**
 * Makes this process the parent of those its descendants leave behind, until
 * it ends: prctl(2), PR_SET_CHILD_SUBREAPER.
 *
 * Needed to measure memory from a large process. exec(2) counts the peak of
 * the memory it replaces (fs/exec.c, setmax_mm_hiwater_rss), and before exec a
 * child has its parent's. A shell that starts the program and leaves it to us
 * is small.
 *
 * @throws {SysError} If the kernel refuses.
 */
export function adoptOrphans(): void {
  // SAFETY: no memory; -1 is looked for in this line.
  if (symbols().prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === -1) {
    throw failure("prctl PR_SET_CHILD_SUBREAPER");
  }
}

/**
 * Waits until a child ends, and this whole program with it.
 *
 * @param pid A child of this process that nobody else waits for, above 0.
 * @throws {RangeError} If it is not above 0, which would mean any child.
 * @throws {SysError} `ECHILD` if it is none.
 */
export function waitForChild(pid: number): ChildUsage {
  if (!Number.isInteger(pid) || pid <= 0) {
    throw new RangeError(`A pid must be above 0: current value is ${pid}`);
  }
  const status = new DataView(new ArrayBuffer(4));
  const usage = new DataView(new ArrayBuffer(RUSAGE_SIZE));
  // SAFETY: both have the size of what is written to them and outlive the
  // synchronous call; -1 is looked for in this line.
  while (symbols().wait4(pid, status, 0, usage) === -1) {
    const error = failure("wait4");
    if (error.code !== "EINTR") throw error;
  }
  return {
    status: exitStatus(status.getInt32(0, true)),
    peakBytes: Number(usage.getBigInt64(MAXRSS_OFFSET, true)) * 1024,
  };
}

/** WIFSIGNALED, WTERMSIG and WEXITSTATUS of wait(2). */
function exitStatus(word: number): number {
  const signal = word & 0x7f;
  return signal === 0 ? (word >> 8) & 0xff : 128 + signal;
}
