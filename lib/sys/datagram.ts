/**
 * Datagrams between processes of this node, by a socket file. None of the
 * calls waits.
 *
 * @module
 */

import { checked, checkedNow, unlessRefused } from "./errno.ts";
import { Fd } from "./fd.ts";
import { procPath, unlink } from "./file.ts";
import { fchmod } from "./file_data.ts";
import { MSG, POLL, SOCKET, unixAddress } from "./layout.ts";
import { libc } from "./libc.ts";
import { poll, WakeUp } from "./poll.ts";

function datagramSocket(label: string): Fd {
  const type = SOCKET.DGRAM | SOCKET.NONBLOCK | SOCKET.CLOEXEC;
  // SAFETY: no memory; the result is checked by checked().
  const call = () => libc.socket(SOCKET.AF_UNIX, type, 0);
  return new Fd(checked("socket", label, call), label);
}

/**
 * The address of a file in a folder; the path of the folder may have any
 * length.
 */
function addressIn(dir: Fd, name: string): Uint8Array<ArrayBuffer> {
  return unixAddress(`${procPath(dir)}/${name}`);
}

/**
 * Sends one datagram. The kernel keeps about ten (`net.unix.max_dgram_qlen`)
 * until they are received.
 *
 * @param target O_PATH fd of the socket file; stays the caller's
 * @returns `nobody` if no process receives there
 * @throws {SysError} `EMSGSIZE` and others
 * @throws {ShortageError}
 */
export function sendDatagram(
  target: Fd,
  bytes: Uint8Array<ArrayBuffer>,
): "sent" | "full" | "nobody" {
  const address = unixAddress(procPath(target));
  // A socket for each datagram: the kernel counts waiting datagrams against
  // their sender.
  using socket = datagramSocket(target.label);
  const flags = MSG.NOSIGNAL | MSG.DONTWAIT;
  const size = BigInt(bytes.length);
  // SAFETY: `bytes` has `size` bytes, `address` is a sockaddr_un of that
  // length; both outlive the synchronous call; the result is checked by
  // checkedNow().
  const call = () =>
    libc.sendto(socket.number, bytes, size, flags, address, address.length);
  const send = () => checkedNow("sendto", socket, call) ?? "full";
  const sent = unlessRefused(send, "ECONNREFUSED") ?? "nobody";
  return typeof sent === "number" ? "sent" : sent;
}

/** Whether a process receives at a socket file; false for any other file. */
function isReceived(dir: Fd, name: string): boolean {
  const address = addressIn(dir, name);
  using socket = datagramSocket(name);
  // SAFETY: `address` is a sockaddr_un of that length and outlives the
  // synchronous call; the result is checked by checkedNow().
  const call = () => libc.connect(socket.number, address, address.length);
  const connected = unlessRefused(
    () => checked("connect", name, call),
    ...["ECONNREFUSED", "ENOENT"],
  );
  return connected !== undefined;
}

/** Owns a socket that receives datagrams, its folder, and its file. */
export class DatagramInbox implements Disposable {
  readonly #socket: Fd;
  readonly #dir: Fd;
  readonly #name: string;

  private constructor(socket: Fd, dir: Fd, name: string) {
    this.#socket = socket;
    this.#dir = dir;
    this.#name = name;
  }

  /**
   * Makes the socket file. If no process receives at an existing file, its
   * maker was killed, and the file is replaced. Two callers that do so at the
   * same instant may both succeed; only the later one receives.
   *
   * @param dir The folder, which only its owner may enter. Taken over, unless
   * the result is undefined or an error.
   * @returns undefined if a process receives there
   * @throws {SysError} | {ShortageError}
   */
  static bind(dir: Fd, name: string): DatagramInbox | undefined {
    const address = addressIn(dir, name);
    const socket = datagramSocket(name);
    // SAFETY: `address` is a sockaddr_un of that length and outlives the
    // synchronous call; the result is checked by checked().
    const call = () => libc.bind(socket.number, address, address.length);
    const bind = () => checked("bind", name, call);
    try {
      // The file will have the socket's mode.
      fchmod(socket, 0o600);
      if (unlessRefused(bind, "EADDRINUSE") === undefined) {
        if (isReceived(dir, name)) {
          socket.close();
          return undefined;
        }
        unlink(name, { dir });
        bind();
      }
    } catch (error) {
      socket.close();
      throw error;
    }
    return new DatagramInbox(socket, dir, name);
  }

  /**
   * Takes the next waiting datagram.
   *
   * @param buffer A longer datagram is cut to its length.
   * @returns the datagram's length; `none` if there is none
   * @throws {SysError}
   */
  receive(buffer: Uint8Array<ArrayBuffer>): number | "none" {
    const size = BigInt(buffer.length);
    // SAFETY: `buffer` has `size` bytes and outlives the synchronous call;
    // the result is checked by checkedNow().
    const call = () =>
      libc.recv(this.#socket.number, buffer, size, MSG.DONTWAIT);
    return checkedNow("recv", this.#socket, call) ?? "none";
  }

  /**
   * Waits for a datagram. Do not dispose of it meanwhile.
   *
   * @param signal Ends the wait at once.
   * @throws {SysError} If the kernel refuses.
   */
  async waitReadable(signal: AbortSignal): Promise<void> {
    using wakeUp = new WakeUp();
    const end = () => wakeUp.wake();
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
    try {
      const fds = [this.#socket, wakeUp.fd];
      await poll(fds.map((fd) => ({ fd, events: POLL.IN })), Infinity);
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  /** Closes the socket and removes its file. */
  [Symbol.dispose](): void {
    try {
      unlessRefused(() => unlink(this.#name, { dir: this.#dir }));
    } finally {
      this.#socket.close();
      this.#dir.close();
    }
  }
}
