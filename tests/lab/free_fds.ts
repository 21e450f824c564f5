/**
 * Running out of descriptors, exactly.
 *
 * @module
 */

import { ShortageError } from "../../lib/sys/errno.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { run } from "../sys/support.ts";

/** Room for what the test runner itself opens meanwhile. */
const LIMIT = 256;

function limit(soft: number | string): void {
  run("prlimit", "--pid", String(Deno.pid), `--nofile=${soft}:`);
}

/** Opens all that this process may still open; the caller closes it. */
export function fillFds(): Fd[] {
  const fds: Fd[] = [];
  for (;;) {
    try {
      fds.push(openFile("/dev/null", O.RDONLY));
    } catch (error) {
      if (error instanceof ShortageError && error.code === "EMFILE") return fds;
      throw error;
    }
  }
}

/**
 * Runs a body while this process may open so many descriptors and no more.
 *
 * @param body is given the lowest number that is free, Infinity for none
 */
export async function withFreeFds<T>(
  count: number,
  body: (first: number) => T | Promise<T>,
): Promise<T> {
  const soft = run("prlimit", "--nofile", "--noheadings", "--output=SOFT");
  limit(LIMIT);
  const fds = fillFds();
  try {
    const free = fds.splice(fds.length - count).map((fd) => {
      const { number } = fd;
      fd.close();
      return number;
    });
    return await body(Math.min(...free));
  } finally {
    for (const fd of fds) fd.close();
    limit(soft);
  }
}
