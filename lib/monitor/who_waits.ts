/**
 * The clients that wait for a monitor.
 *
 * @module
 */

import { startOf } from "../host/process_identity.ts";
import {
  type UnixSocketClient,
  unixSocketConnections,
  unixSocketHolders,
} from "../sys/sock_diag.ts";

/** Whether a command line belongs to a program that follows events, too. */
export type IsFollower = (argv: readonly string[]) => boolean;

/**
 * Whether a waiting client gets the monitor. Between two followers, the older
 * one gives way: a person has just started the newer one. Otherwise the two
 * would only swap.
 */
function goesFirst(
  { pid, argv }: UnixSocketClient,
  isFollower: IsFollower,
): boolean {
  if (!isFollower(argv)) return true;
  const [its, ours] = [startOf(pid), startOf(Deno.pid)];
  return its !== undefined && ours !== undefined && its > ours;
}

/**
 * Command line of another client that waits for the monitor, if there is one.
 */
export function whoWaits(
  path: string,
  isFollower: IsFollower,
): string | undefined {
  if (unixSocketConnections(path) < 2) return undefined;
  const { clients } = unixSocketHolders(path);
  return clients.find((one) =>
    one.state === "waiting" && goesFirst(one, isFollower)
  )?.command;
}
