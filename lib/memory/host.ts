/**
 * How much memory this node has left.
 *
 * @module
 */

import { ifThere } from "../errors.ts";

/** Of /proc/meminfo, Linux: Documentation/filesystems/proc.rst. Pure. */
export function availableIn(meminfo: string): number | undefined {
  const [, kib] = /^MemAvailable:\s+(\d{1,12}) kB$/m.exec(meminfo) ?? [];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** Bytes that programs can still get; undefined if the kernel does not tell. */
export function availableBytes(): number | undefined {
  const text = ifThere(() => Deno.readTextFileSync("/proc/meminfo"));
  return text === undefined ? undefined : availableIn(text);
}
