/**
 * Connecting to a unix socket by a path of any length.
 *
 * @module
 */

import { checked, DeadlineError, Errno, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { openFile, procPath } from "./file_open.ts";
import { statFd } from "./file_status.ts";
import { O, SOCKET, unixAddress } from "./layout.ts";
import { libc } from "./libc.ts";
import { pause } from "./pause.ts";
import { startDeadline } from "./thread.ts";
import type { WaitOptions } from "./wait.ts";

/** The kernel has no event for "there is room in the queue now". */
const RETRY_MS = 20;

/**
 * A new non-blocking, close-on-exec unix stream socket.
 *
 * @returns A descriptor the caller owns.
 * @throws {ShortageError} `EMFILE`.
 */
export function unixStreamSocket(label: string): Fd {
  const type = SOCKET.STREAM | SOCKET.NONBLOCK | SOCKET.CLOEXEC;
  const number = checked(
    // SAFETY: no memory; the result is checked by checked().
    () => libc.socket(SOCKET.AF_UNIX, type, 0),
    { syscall: "socket", subject: label },
  );
  return new Fd(number, label);
}

/**
 * Connects to a listening socket.
 *
 * The path is opened first and connected through /proc/self/fd, which the
 * kernel follows to the inode: so it may be longer than the 107 bytes of an
 * address, and what is looked at is what is connected to.
 *
 * @returns A connected socket the caller owns; nothing stays open on failure.
 * @throws {SysError} `ENOTSOCK` if the path is no socket, `ECONNREFUSED` if
 * nobody listens, `ENOENT` and others.
 * @throws {DeadlineError} If the listener's queue stays full.
 * @throws The signal's reason, if it is aborted.
 */
export async function connectUnix(
  path: string,
  options: WaitOptions,
): Promise<Fd> {
  options.signal?.throwIfAborted();
  using target = openFile(path, O.PATH);
  if (statFd(target).kind !== "socket") {
    throw new SysError(Errno.ENOTSOCK, "connect", path);
  }
  const address = unixAddress(procPath(target));
  const socket = unixStreamSocket(path);
  try {
    const deadline = startDeadline(options.timeoutMs);
    while (!tryConnect(socket, address)) {
      const remainingMs = deadline.remainingMs();
      if (remainingMs === 0) {
        throw new DeadlineError(`connect ${path}`, options.timeoutMs);
      }
      await pause(Math.min(RETRY_MS, remainingMs), options.signal);
      options.signal?.throwIfAborted();
    }
  } catch (error) {
    socket.close();
    throw error;
  }
  return socket;
}

/** False if the listener's queue is full (EAGAIN, unix(7)). */
function tryConnect(socket: Fd, address: Uint8Array<ArrayBuffer>): boolean {
  const result = checked(
    // SAFETY: `address` is a sockaddr_un of that length and outlives the
    // synchronous call; the result is checked by checked().
    () => libc.connect(socket.number, address, address.length),
    { syscall: "connect", subject: socket.label },
    [Errno.EAGAIN],
  );
  return result === 0;
}
