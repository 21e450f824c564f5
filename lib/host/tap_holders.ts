/**
 * The processes that have a tap open. Ganeti's noded may have one open: a
 * process that it starts inherits the fds that it opened for QEMU.
 *
 * @module
 */

import { namesIn, readIfThere } from "./look.ts";
import { openFiles, tapsOf } from "./process.ts";
import { interfaceExists } from "./tap.ts";

/** A tap that stays as long as a process has it open. */
export interface HeldTap {
  readonly way: "held";
  /** At most 15 characters. */
  readonly name: string;
  /** The kernel's number: a later tap of the same name has another number. */
  readonly ifindex: number;
}

/** The kernel's number of a network interface; undefined: there is none. */
export function interfaceIndex(name: string): number | undefined {
  if (!interfaceExists(name)) return undefined;
  const text = readIfThere(`/sys/class/net/${name}/ifindex`);
  return text === undefined ? undefined : Number(text);
}

/** Whether the tap itself is there, and not another tap of its name. */
export function isSameTap(
  { name, ifindex }: Pick<HeldTap, "name" | "ifindex">,
): boolean {
  return interfaceIndex(name) === ifindex;
}

/** A process that has a tap open. */
export interface Holder {
  readonly pid: number;
  /** The beginning of its command line. */
  readonly command: string;
}

const MAX_COMMAND = 80;

/** The processes that have a tap open, as far as we may look. */
export function holdersOf(tap: string): Holder[] {
  return namesIn("/proc").filter((name) => /^\d+$/.test(name)).map(Number)
    .filter((pid) => tapsOf(openFiles(pid)).has(tap))
    .map((pid) => {
      const words = readIfThere(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
      const command = words.join(" ").trim().slice(0, MAX_COMMAND);
      return { pid, command: command || "without a command line" };
    });
}

/** Their names for a message. Pure. */
export function holdersText(holders: readonly Holder[]): string {
  return holders.map(({ pid, command }) => `process ${pid} (${command})`)
    .join(", ") || "a process that is not visible from here";
}
