/**
 * Sending so that the other end sees the pieces it was meant to see.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import { ioctl } from "../../lib/sys/ioctl.ts";
import type { UnixSocket } from "../../lib/sys/unix_socket.ts";

const FOREVER_MS = 2 ** 30;
const PATIENCE_MS = 10_000;

/** Sends bytes in writes of one size, each after the one before was read. */
export async function sendInParts(
  socket: UnixSocket,
  bytes: Uint8Array,
  bytesPerWrite: number,
): Promise<void> {
  const size = Math.min(bytesPerWrite, bytes.length);
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    await socket.sendAll(part, { timeoutMs: FOREVER_MS });
    if (size < bytes.length) await wasRead(socket.fd);
  }
}

/** unix(7), SIOCOUTQ: how much of what was sent is not read yet. */
const SIOCOUTQ = 0x5411;

async function wasRead(fd: Fd): Promise<void> {
  const unread = new Int32Array(1);
  const begin = performance.now();
  do {
    // The kernel has no event for it: the reader, in this process, gets a turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    ioctl(fd, SIOCOUTQ, new Uint8Array(unread.buffer), "SIOCOUTQ");
  } while (unread[0] !== 0 && performance.now() - begin < PATIENCE_MS);
}
