/**
 * Which unix sockets somebody listens on or is connected to, at a glance.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import { ifThere } from "../errors.ts";
import { readIfThere } from "./look.ts";

/**
 * Paths of the listening sockets that have a client: unix(7), /proc/net/unix.
 * An accepted connection has its listener's path, as the listener wrote it, and
 * state 3. A glance: whoever must know for certain asks sock_diag.
 */
export function connectedSockets(): Set<string> {
  return new Set(socketsLike(/ 03 +\d+ (\/.*)$/gm));
}

/** What both paths of a socket lead to is one: /run and /var/run. */
function realOf(path: string): string {
  return ifThere(() => Deno.realPathSync(path)) ?? path;
}

/**
 * Whether a process of this network namespace listens on a socket. A glance,
 * for who cannot connect: an accepting socket has the flag of 0x10000
 * (net/unix/af_unix.c, __SO_ACCEPTCON).
 */
export function isListenedTo(path: string): boolean {
  const real = realOf(path);
  const name = basename(path);
  return socketsLike(/ 00010000 0001 01 +\d+ (\/.*)$/gm)
    .some((one) => basename(one) === name && realOf(one) === real);
}

/** The paths of sockets whose line is so. */
function socketsLike(line: RegExp): string[] {
  // Without /proc they are found by asking.
  const lines = (readIfThere("/proc/net/unix") ?? "").matchAll(line);
  return [...lines].map(([, path = ""]) => path);
}
