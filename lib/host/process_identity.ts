/**
 * The identity of a process: a pid alone may belong to another process later.
 *
 * @module
 */

import { readText } from "../sys/regular_file.ts";
import { readIfThere } from "./look.ts";
import { nameOf, qemuWithPid } from "./process.ts";

/**
 * One QEMU process, different from every other process of this node at any
 * time.
 */
export interface ProcessIdentity {
  /** `/proc/sys/kernel/random/boot_id`: changes at each boot. */
  readonly boot: string;
  /** Above 0. */
  readonly pid: number;
  /** Clock ticks from boot to start: field 22 of `/proc/PID/stat`. */
  readonly start: number;
  /** Its `-name`, SPEC 1.4. */
  readonly name: string;
}

/** The result of a comparison of a noted process with the running one. */
export type ProcessChange = "same" | "gone" | "another";

/** Without the line break; the kernel writes it in lower case. */
export function readBootId(): string {
  return bootId ??= readText("/proc/sys/kernel/random/boot_id").trim();
}

/** No process outlives the boot it began in. */
let bootId: string | undefined;

/**
 * The start time in a line of `/proc/PID/stat`. Its second field is the
 * program's name in parentheses, which may itself contain blanks and
 * parentheses.
 *
 * @returns undefined if the line has another form
 */
export function startOfStat(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const start = Number(fields[22 - 3] ?? NaN);
  return Number.isSafeInteger(start) && start >= 0 ? start : undefined;
}

/** Whether a process was stopped by a signal: `T` or `t` in its stat. */
export function isStopped(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`) ?? "";
  return /^[Tt] /.test(stat.slice(stat.lastIndexOf(")") + 2));
}

/** The start time of a process, in clock ticks; undefined if it has ended. */
export function startOf(pid: number): number | undefined {
  return startOfStat(readIfThere(`/proc/${pid}/stat`) ?? "");
}

/**
 * The identity of a running QEMU.
 *
 * @returns undefined if it has ended
 */
export function processIdentity(
  { pid, argv }: { readonly pid: number; readonly argv: readonly string[] },
): ProcessIdentity | undefined {
  const start = startOf(pid);
  const name = nameOf(argv);
  if (start === undefined || name === undefined) return undefined;
  return { boot: readBootId(), pid, start, name };
}

/**
 * Compares a noted process with the running one.
 *
 * @param now undefined if none runs
 */
export function compareProcess(
  then: ProcessIdentity,
  now: ProcessIdentity | undefined,
): ProcessChange {
  if (now === undefined) return "gone";
  const same = then.boot === now.boot && then.pid === now.pid &&
    then.start === now.start && then.name === now.name;
  return same ? "same" : "another";
}

/**
 * Whether the noted process still runs; `another`: another process has its pid
 * now.
 */
export function lookForProcess(then: ProcessIdentity): ProcessChange {
  if (then.boot !== readBootId()) return "gone";
  const live = qemuWithPid(then.pid, then.name);
  if (live !== undefined) return compareProcess(then, processIdentity(live));
  const start = startOf(then.pid);
  // A process that has ended and was not waited for has no command line any
  // more.
  return start === undefined || start === then.start ? "gone" : "another";
}
