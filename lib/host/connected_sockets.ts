/**
 * Unix sockets that a process listens on or is connected to, by a quick look.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import { ifThere } from "../errors.ts";
import { readIfThere } from "./look.ts";

/**
 * Paths of the listening sockets that have a client: unix(7), /proc/net/unix.
 * An accepted connection has the path that its listener wrote, and state 3.
 * This is a quick look: for a reliable answer ask sock_diag.
 */
export function connectedSockets(): Set<string> {
  return new Set(socketsLike(/ 03 +\d+ (\/.*)$/gm));
}

/** Both paths of a socket lead to one file: /run and /var/run. */
function realOf(path: string): string {
  return ifThere(() => Deno.realPathSync(path)) ?? path;
}

/**
 * Whether a process of this network namespace listens on a socket. A quick
 * look, for callers that cannot connect: an accepting socket has the flag of
 * 0x10000 (net/unix/af_unix.c, __SO_ACCEPTCON).
 */
export function isListenedTo(path: string): boolean {
  const real = realOf(path);
  const name = basename(path);
  return socketsLike(/ 00010000 0001 01 +\d+ (\/.*)$/gm)
    .some((one) => basename(one) === name && realOf(one) === real);
}

/** The paths of sockets with such a line. */
function socketsLike(line: RegExp): string[] {
  // Without /proc, the caller has to connect.
  const lines = (readIfThere("/proc/net/unix") ?? "").matchAll(line);
  return [...lines].map(([, path = ""]) => path);
}
