/**
 * Which process it was: a pid alone is given to another process later.
 *
 * @module
 */

import { readText } from "../sys/regular_file.ts";
import { readIfThere } from "./look.ts";
import { nameOf, qemuWithPid } from "./process.ts";

/** One QEMU process, told from every other of this node, ever. */
export interface ProcessIdentity {
  /** `/proc/sys/kernel/random/boot_id`: another one at each boot. */
  readonly boot: string;
  /** Above 0. */
  readonly pid: number;
  /** Clock ticks from boot to start: field 22 of `/proc/PID/stat`. */
  readonly start: number;
  /** Its `-name`, SPEC 1.4. */
  readonly name: string;
}

/** How a process of old compares with what runs now. */
export type ProcessChange = "same" | "gone" | "another";

/** Without the line break; the kernel writes it in lower case. */
export function readBootId(): string {
  return bootId ??= readText("/proc/sys/kernel/random/boot_id").trim();
}

/** No process outlives the boot it began in. */
let bootId: string | undefined;

/**
 * Start time out of a line of `/proc/PID/stat`. Its second field is the
 * program's name in parentheses, which may itself hold blanks and parentheses.
 *
 * @returns undefined if it is no such line
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

/** When a process was started, in clock ticks; undefined if it has ended. */
export function startOf(pid: number): number | undefined {
  return startOfStat(readIfThere(`/proc/${pid}/stat`) ?? "");
}

/**
 * Who a running QEMU is.
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
 * Compares a process of old with the one there is now.
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
 * Whether the very process of old still runs; `another`: its pid is somebody
 * else's now.
 */
export function lookForProcess(then: ProcessIdentity): ProcessChange {
  if (then.boot !== readBootId()) return "gone";
  const live = qemuWithPid(then.pid, then.name);
  if (live !== undefined) return compareProcess(then, processIdentity(live));
  const start = startOf(then.pid);
  // One that has ended and was not waited for has no command line any more.
  return start === undefined || start === then.start ? "gone" : "another";
}
