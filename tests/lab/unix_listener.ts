/**
 * A listening unix socket: the other end of {@linkcode UnixSocket}, for tests
 * that play QEMU.
 *
 * @module
 */

import { checked, checkedNow, DeadlineError } from "../../lib/sys/errno.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { openFile, procPath } from "../../lib/sys/file_open.ts";
import { O, POLL, SOCKET, unixAddress } from "../../lib/sys/layout.ts";
import { startDeadline } from "../../lib/sys/thread.ts";
import { UnixSocket, unixStreamSocket } from "../../lib/sys/unix_socket.ts";
import { waitFor, type WaitOptions } from "../../lib/sys/wait.ts";

/** The program itself never listens, so lib/sys has none of these. */
const SYMBOLS = {
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
} as const;

const libc = Deno.dlopen("libc.so.6", SYMBOLS).symbols;

/** Owns one listening socket. The file it made stays. */
export class UnixListener implements Disposable {
  /** The socket. Close it through {@linkcode UnixListener.close}. */
  readonly fd: Fd;

  private constructor(fd: Fd) {
    this.fd = fd;
  }

  /**
   * Makes a socket file and listens. The directory's path may have any length.
   *
   * @param path Must not exist; its last part has at most 80 bytes.
   * @param backlog The kernel lets one more connection than this wait.
   * @returns A listener the caller owns; nothing stays open on failure.
   * @throws {SysError} `EADDRINUSE`, `ENOENT` and others.
   */
  static bind(path: string, backlog = 1): UnixListener {
    const slash = path.lastIndexOf("/");
    using dir = openFile(path.slice(0, slash + 1) || ".", O.PATH | O.DIRECTORY);
    const address = unixAddress(`${procPath(dir)}/${path.slice(slash + 1)}`);
    const socket = unixStreamSocket(path);
    try {
      // SAFETY: `address` is a sockaddr_un of that length and outlives the
      // synchronous call; the result is checked by checked().
      const call = () => libc.bind(socket.number, address, address.length);
      checked("bind", path, call);
      // SAFETY: no memory; the result is checked by checked().
      checked("listen", path, () => libc.listen(socket.number, backlog));
    } catch (error) {
      socket.close();
      throw error;
    }
    return new UnixListener(socket);
  }

  /**
   * Takes the next connection.
   *
   * @returns A socket the caller owns.
   * @throws {DeadlineError} If none comes in time.
   * @throws {ShortageError} `EMFILE`.
   * @throws {SysError} For another failure.
   * @throws The signal's reason, if it is aborted.
   */
  async accept(options: WaitOptions): Promise<UnixSocket> {
    const deadline = startDeadline(options.timeoutMs);
    const request = { fd: this.fd, events: POLL.IN };
    for (;;) {
      options.signal?.throwIfAborted();
      const number = this.#tryAccept();
      if (number !== undefined) {
        return new UnixSocket(new Fd(number, this.fd.label));
      }
      const timeoutMs = deadline.remainingMs();
      if (timeoutMs === 0) {
        throw new DeadlineError(`accept ${this.fd.label}`, options.timeoutMs);
      }
      await waitFor(request, { timeoutMs, signal: options.signal });
    }
  }

  /** A descriptor; undefined if nobody waits. */
  #tryAccept(): number | undefined {
    const flags = SOCKET.NONBLOCK | SOCKET.CLOEXEC;
    // SAFETY: the address of the client is not wanted; the result is checked
    // by checkedNow().
    const call = () => libc.accept4(this.fd.number, null, null, flags);
    return checkedNow("accept", this.fd, call);
  }

  /** Closes the socket. A second call does nothing. */
  close(): void {
    this.fd.close();
  }

  /** As {@linkcode UnixListener.close}: the file stays. */
  [Symbol.dispose](): void {
    this.close();
  }
}
