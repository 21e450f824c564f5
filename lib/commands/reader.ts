/**
 * Whether the output of a command still has a reader.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { POLL } from "../sys/layout.ts";
import { libcFault } from "../sys/libc.ts";
import { pollSync } from "../sys/poll.ts";

/**
 * Whether the reader of stdout is there: a pipe without a reader, or a terminal
 * that was hung up, tells this without a write. A stdout that was closed from
 * the start never had a reader.
 */
export function isReaderThere(): boolean {
  // Never closed: it belongs to the process.
  const stdout = new Fd(1, "stdout");
  const [events = 0] = pollSync([{ fd: stdout, events: 0 }], 0);
  return (events & (POLL.ERR | POLL.HUP)) === 0;
}

/** PIPE_BUF of linux/limits.h: a pipe that has room has it for so many bytes. */
const PIPE_BYTES = 4096;

/**
 * Whether stdout takes so many bytes at once, so that no thread need wait for
 * it. False also if its reader has gone, or nothing tells.
 */
export function isTakenAtOnce(length: number): boolean {
  if (length > PIPE_BYTES || libcFault("poll") !== undefined) return false;
  // Never closed: it is the process's own.
  const stdout = new Fd(1, "stdout");
  const [events] = pollSync([{ fd: stdout, events: POLL.OUT }], 0);
  return events === POLL.OUT;
}
