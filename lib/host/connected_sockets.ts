/**
 * Which unix sockets somebody is connected to, at a glance.
 *
 * @module
 */

import { passShortage } from "../errors.ts";

/**
 * Paths of the listening sockets that have a client: unix(7), /proc/net/unix.
 * An accepted connection has its listener's path, as the listener wrote it, and
 * state 3. A glance: whoever must know for certain asks sock_diag.
 */
export function connectedSockets(): Set<string> {
  try {
    const lines = Deno.readTextFileSync("/proc/net/unix")
      .matchAll(/ 03 +\d+ (\/.*)$/gm);
    return new Set([...lines].map(([, path = ""]) => path));
  } catch (error) {
    passShortage(error);
    // No /proc: they are found by asking.
    return new Set();
  }
}
