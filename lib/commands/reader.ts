/**
 * Whether the output of a command still has a reader.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { POLL } from "../sys/layout.ts";
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
