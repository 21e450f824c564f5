/**
 * A connected unix stream socket that passes descriptors and never blocks the
 * program.
 *
 * @module
 */

import { checked, checkedNow, DeadlineError, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import { openFile, procPath } from "./file_open.ts";
import { statFd } from "./file_status.ts";
import {
  fitsUnixAddress,
  MSG,
  O,
  POLL,
  SOCKET,
  unixAddress,
} from "./layout.ts";
import { libc } from "./libc.ts";
import { sendMessage } from "./message.ts";
import { pause } from "./pause.ts";
import { type Deadline, startDeadline } from "./thread.ts";
import { waitFor, type WaitOptions } from "./wait.ts";

/** Options of {@linkcode UnixSocket.sendAll}. */
export interface SendOptions extends WaitOptions {
  /** Goes with the first byte. Stays the caller's. */
  readonly fd?: Fd | undefined;
}

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
  // SAFETY: no memory; the result is checked by checked().
  const call = () => libc.socket(SOCKET.AF_UNIX, type, 0);
  const number = checked("socket", label, call);
  return new Fd(number, label);
}

/** False if the listener's queue is full (EAGAIN, unix(7)). */
function tryConnect(socket: Fd, address: Uint8Array<ArrayBuffer>): boolean {
  const connected = checkedNow(
    "connect",
    socket,
    () => connect(socket, address),
  );
  return connected !== undefined;
}

/** The call: 0 or -1. */
function connect(socket: Fd, address: Uint8Array<ArrayBuffer>): number {
  // SAFETY: `address` is a sockaddr_un of that length and outlives the
  // synchronous call; the result is checked by who calls this.
  return libc.connect(socket.number, address, address.length);
}

/**
 * Whether it can be connected at once by its path; if not, the caller finds out
 * why.
 */
function connectsAtOnce(socket: Fd, path: string): boolean {
  // An empty one would be a name without a file.
  return path !== "" && fitsUnixAddress(path) &&
    connect(socket, unixAddress(path)) === 0;
}

/** Waits for a place in the listener's queue. */
async function connectByInode(
  socket: Fd,
  path: string,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  using target = openFile(path, O.PATH);
  if (statFd(target).kind !== "socket") {
    throw new SysError("ENOTSOCK", { syscall: "connect", subject: path });
  }
  const address = unixAddress(procPath(target));
  const deadline = startDeadline(timeoutMs);
  while (!tryConnect(socket, address)) {
    const remainingMs = deadline.remainingMs();
    if (remainingMs === 0) {
      throw new DeadlineError(`connect ${path}`, timeoutMs);
    }
    await pause(Math.min(RETRY_MS, remainingMs), signal);
    signal?.throwIfAborted();
  }
}

/** Owns one connected socket. */
export class UnixSocket implements Disposable {
  /** The socket. Close it through {@linkcode UnixSocket.close}. */
  readonly fd: Fd;

  /**
   * Takes over the ownership of a connected stream socket.
   *
   * @param fd Our calls on it never wait, whether it is non-blocking or not.
   */
  constructor(fd: Fd) {
    this.fd = fd;
  }

  /**
   * Connects to a listening socket.
   *
   * If this does not succeed at once, the path is opened and connected through
   * /proc/self/fd, which the kernel follows to the inode. So the path may be
   * longer than the 107 bytes of an address, and the checked socket is the
   * connected socket.
   *
   * @returns A socket the caller owns; nothing is left open on failure.
   * @throws {SysError} `ENOTSOCK` if the path is not a socket, `ECONNREFUSED`
   * if no process listens, `ENOENT` and others.
   * @throws {DeadlineError} If the listener's queue stays full.
   * @throws The signal's reason, if it is aborted.
   */
  static async connect(
    path: string,
    { timeoutMs, signal }: WaitOptions,
  ): Promise<UnixSocket> {
    signal?.throwIfAborted();
    const socket = unixStreamSocket(path);
    try {
      if (!connectsAtOnce(socket, path)) {
        await connectByInode(socket, path, { timeoutMs, signal });
      }
    } catch (error) {
      socket.close();
      throw error;
    }
    return new UnixSocket(socket);
  }

  /**
   * Sends all bytes. After a failure a part may have been sent: then the
   * connection can only be closed.
   *
   * @param bytes At least one.
   * @throws {RangeError} If there are none.
   * @throws {SysError} `EPIPE` if the peer is gone, and others.
   * @throws {DeadlineError} If the peer does not read.
   * @throws The signal's reason, if it is aborted.
   */
  async sendAll(bytes: Uint8Array, options: SendOptions): Promise<void> {
    if (bytes.length === 0) {
      throw new RangeError(
        "Cannot send an empty message: it must have at least one byte",
      );
    }
    const deadline = startDeadline(options.timeoutMs);
    let sent = 0;
    while (sent < bytes.length) {
      options.signal?.throwIfAborted();
      const rest = bytes.subarray(sent);
      // On a short send the descriptor went with the first byte.
      const count = options.fd !== undefined && sent === 0
        ? sendMessage(this.fd, rest, options.fd)
        : this.#send(rest);
      if (count !== undefined) sent += count;
      else await this.#waitWritable(options, deadline);
    }
  }

  #send(bytes: Uint8Array): number | undefined {
    const memory = bytes as Uint8Array<ArrayBuffer>;
    const flags = MSG.NOSIGNAL | MSG.DONTWAIT;
    const size = BigInt(bytes.length);
    // SAFETY: `memory` has `size` bytes and outlives the synchronous call;
    // no address; the result is checked by checkedNow().
    const call = () =>
      libc.sendto(this.fd.number, memory, size, flags, null, 0);
    return checkedNow("send", this.fd, call);
  }

  async #waitWritable(options: SendOptions, deadline: Deadline): Promise<void> {
    const result = await waitFor({ fd: this.fd, events: POLL.OUT }, {
      timeoutMs: deadline.remainingMs(),
      signal: options.signal,
    });
    if (result === "aborted") options.signal?.throwIfAborted();
    if (result === "timeout") {
      throw new DeadlineError(`send to ${this.fd.label}`, options.timeoutMs);
    }
  }

  /**
   * Receives the waiting bytes, without waiting. The kernel closes descriptors
   * that come with them.
   *
   * @param buffer Filled from its beginning; at least one byte.
   * @returns The number of bytes, 0 at the end of the stream.
   * @throws {SysError} `ECONNRESET` and others.
   */
  receive(buffer: Uint8Array): number | "would-block" {
    const memory = buffer as Uint8Array<ArrayBuffer>;
    const size = BigInt(buffer.length);
    // SAFETY: `memory` has `size` bytes and outlives the synchronous call;
    // the result is checked by checkedNow().
    const call = () => libc.recv(this.fd.number, memory, size, MSG.DONTWAIT);
    return checkedNow("recv", this.fd, call) ?? "would-block";
  }

  /**
   * Waits until {@linkcode UnixSocket.receive} has a result: bytes, the end of
   * the stream, or an error. Do not close the socket meanwhile.
   *
   * @throws {SysError} If the kernel refuses.
   */
  async waitReadable(
    options: WaitOptions,
  ): Promise<"readable" | "timeout" | "aborted"> {
    const request = { fd: this.fd, events: POLL.IN };
    const result = await waitFor(request, options);
    return result === "ready" ? "readable" : result;
  }

  /**
   * The process at the other end, at the time when it connected or listened:
   * its pid, 0 if it is outside our pid namespace, and its effective ids, in
   * the numbers of our user namespace.
   *
   * @throws {SysError} If the kernel refuses.
   */
  peerCredentials() {
    const ucred = new DataView(new ArrayBuffer(12));
    const size = new DataView(new ArrayBuffer(4));
    size.setUint32(0, ucred.byteLength, true);
    const { SOL_SOCKET, SO_PEERCRED } = SOCKET;
    // SAFETY: `ucred` has the size of struct ucred, `size` says so; both
    // outlive the synchronous call; the result is checked by checked().
    const call = () =>
      libc.getsockopt(this.fd.number, SOL_SOCKET, SO_PEERCRED, ucred, size);
    checked("getsockopt SO_PEERCRED", this.fd, call);
    return {
      pid: ucred.getInt32(0, true),
      uid: ucred.getUint32(4, true),
      gid: ucred.getUint32(8, true),
    };
  }

  /** Closes the socket. A second call does nothing. */
  close(): void {
    this.fd.close();
  }

  /** As {@linkcode UnixSocket.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}
