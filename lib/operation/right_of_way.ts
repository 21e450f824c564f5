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

/** Programs that watch as we do. */
const WATCHER = /\bkvm-hotplug\b.*\b(events|shell)\b/;

/**
 * Whether somebody is given way to. Of two that watch the younger one goes
 * first, which its person has just started; else they would only swap.
 */
function goesFirst({ pid, command }: UnixSocketClient): boolean {
  if (!WATCHER.test(command)) return true;
  const [its, ours] = [startOf(pid), startOf(Deno.pid)];
  return its !== undefined && ours !== undefined && its > ours;
}

/** Command line of somebody else who waits for the monitor, if one does. */
export function whoWaits(path: string): string | undefined {
  if (unixSocketConnections(path) < 2) return undefined;
  const { clients } = unixSocketHolders(path);
  return clients.find((one) => one.state === "waiting" && goesFirst(one))
    ?.command;
}
