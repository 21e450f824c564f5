/**
 * Whom a watcher gives the monitor to.
 *
 * @module
 */

import { startOf } from "../host/process_identity.ts";
import {
  type UnixSocketClient,
  unixSocketConnections,
  unixSocketHolders,
} from "../sys/sock_diag.ts";

/** Whether a command line is of a program that watches as we do. */
export type IsWatcher = (argv: readonly string[]) => boolean;

/**
 * Whether somebody is given way to. Of two that watch the younger one goes
 * first, which its person has just started; else they would only swap.
 */
function goesFirst(
  { pid, argv }: UnixSocketClient,
  isWatcher: IsWatcher,
): boolean {
  if (!isWatcher(argv)) return true;
  const [its, ours] = [startOf(pid), startOf(Deno.pid)];
  return its !== undefined && ours !== undefined && its > ours;
}

/** Command line of somebody else who waits for the monitor, if one does. */
export function whoWaits(
  path: string,
  isWatcher: IsWatcher,
): string | undefined {
  if (unixSocketConnections(path) < 2) return undefined;
  const { clients } = unixSocketHolders(path);
  return clients.find((one) =>
    one.state === "waiting" && goesFirst(one, isWatcher)
  )?.command;
}
