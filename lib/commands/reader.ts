/**
 * Whether anybody still reads what a command writes.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { POLL } from "../sys/layout.ts";
import { pollSync } from "../sys/poll.ts";

/**
 * Whether the reader of stdout is there: a pipe whose reader has gone, or a
 * terminal that was hung up, says so without being written to. A stdout that
 * was closed from the start never had one to lose.
 */
export function isReaderThere(): boolean {
  // Never closed: it is the process's own.
  const stdout = new Fd(1, "stdout");
  const [events = 0] = pollSync([{ fd: stdout, events: 0 }], 0);
  return (events & (POLL.ERR | POLL.HUP)) === 0;
}
