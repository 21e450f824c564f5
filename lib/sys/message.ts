/**
 * Messages with descriptors: sendmsg(2), recvmsg(2) and SCM_RIGHTS.
 *
 * @module
 */

import { checked, Errno, SysError } from "./errno.ts";
import { Fd } from "./fd.ts";
import {
  align,
  CMSGHDR_SIZE,
  IOVEC_SIZE,
  MSG,
  MSGHDR,
  SOCKET,
} from "./layout.ts";
import { libc } from "./libc.ts";

const CONTROL_OFFSET = MSGHDR.size + IOVEC_SIZE;
const INT_SIZE = 4;
/** linux/net/scm.h: SCM_MAX_FD. */
const MAX_FDS = 253;

/** What {@linkcode receiveMessage} got. */
export interface ReceivedMessage {
  /** Number of bytes, 0 at the end of the stream. */
  readonly bytes: number;
  /** Close-on-exec descriptors, the caller's to close. */
  readonly fds: Fd[];
}

/**
 * Sends bytes with one descriptor, which goes with the first of them.
 *
 * @param bytes At least one.
 * @param passed Stays the caller's: the receiver gets a copy of its own.
 * @returns The number of bytes sent, at least 1, or "would-block", with which
 * the descriptor was not sent.
 * @throws {SysError} `EPIPE` if the peer is gone, and others.
 */
export function sendMessage(
  socket: Fd,
  bytes: Uint8Array,
  passed: Fd,
): number | "would-block" {
  const controlBytes = cmsgSpace(1);
  const memory = messageMemory(controlBytes, bytes.length);
  new Uint8Array(memory).set(bytes, CONTROL_OFFSET + controlBytes);
  const view = new DataView(memory, CONTROL_OFFSET);
  view.setBigUint64(0, BigInt(CMSGHDR_SIZE + INT_SIZE), true);
  view.setInt32(8, SOCKET.SOL_SOCKET, true);
  view.setInt32(12, SOCKET.SCM_RIGHTS, true);
  view.setInt32(16, passed.number, true);
  const sent = checked(
    // SAFETY: header, iovec, control data and payload lie in `memory`, which
    // is passed itself and so outlives the synchronous call; the result is
    // checked by checked().
    () => libc.sendmsg(socket.number, memory, MSG.NOSIGNAL | MSG.DONTWAIT),
    { syscall: "sendmsg", subject: socket.label },
    [Errno.EAGAIN],
  );
  return sent < 0 ? "would-block" : sent;
}

/**
 * Receives bytes and the descriptors that came with them, without waiting.
 *
 * @param buffer Filled from its begin.
 * @throws {SysError} `ECONNRESET` and others; `EMSGSIZE` if descriptors were
 * lost because this process may open no more. No descriptor stays open then.
 */
export function receiveMessage(
  socket: Fd,
  buffer: Uint8Array,
): ReceivedMessage | "would-block" {
  const controlBytes = cmsgSpace(MAX_FDS);
  const memory = messageMemory(controlBytes, buffer.length);
  const flags = MSG.DONTWAIT | MSG.CMSG_CLOEXEC;
  const bytes = checked(
    // SAFETY: as in sendMessage; `memory` has the room its lengths say.
    () => libc.recvmsg(socket.number, memory, flags),
    { syscall: "recvmsg", subject: socket.label },
    [Errno.EAGAIN],
  );
  if (bytes < 0) return "would-block";
  const payload = new Uint8Array(memory, CONTROL_OFFSET + controlBytes, bytes);
  buffer.set(payload);
  const fds = receivedFds(memory, socket.label);
  const header = new DataView(memory);
  if ((header.getInt32(MSGHDR.flags, true) & MSG.CTRUNC) !== 0) {
    for (const fd of fds) fd.close();
    throw new SysError(Errno.EMSGSIZE, "recvmsg", socket.label);
  }
  return { bytes, fds };
}

/**
 * One ArrayBuffer with msghdr, iovec, control data and payload, in this order.
 * The addresses in it are numbers, which keep nothing alive: as all of them
 * point into the buffer itself, whoever holds it holds everything.
 */
function messageMemory(
  controlBytes: number,
  payloadBytes: number,
): ArrayBuffer {
  const payloadOffset = CONTROL_OFFSET + controlBytes;
  const memory = new ArrayBuffer(payloadOffset + payloadBytes);
  const base = BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory)));
  const view = new DataView(memory);
  const setWord = (offset: number, value: bigint) =>
    view.setBigUint64(offset, value, true);
  setWord(MSGHDR.iov, base + BigInt(MSGHDR.size));
  setWord(MSGHDR.iovCount, 1n);
  setWord(MSGHDR.control, base + BigInt(CONTROL_OFFSET));
  setWord(MSGHDR.controlBytes, BigInt(controlBytes));
  setWord(MSGHDR.size, base + BigInt(payloadOffset));
  setWord(MSGHDR.size + 8, BigInt(payloadBytes));
  return memory;
}

/** CMSG_SPACE of cmsg(3) for a number of descriptors. */
function cmsgSpace(count: number): number {
  return CMSGHDR_SIZE + align(count * INT_SIZE, 8);
}

function receivedFds(memory: ArrayBuffer, label: string): Fd[] {
  const header = new DataView(memory);
  const end = CONTROL_OFFSET +
    Number(header.getBigUint64(MSGHDR.controlBytes, true));
  const fds: Fd[] = [];
  let offset = CONTROL_OFFSET;
  while (offset + CMSGHDR_SIZE <= end) {
    const length = Number(header.getBigUint64(offset, true));
    if (length < CMSGHDR_SIZE || offset + length > end) break;
    const isRights = header.getInt32(offset + 8, true) === SOCKET.SOL_SOCKET &&
      header.getInt32(offset + 12, true) === SOCKET.SCM_RIGHTS;
    for (let at = CMSGHDR_SIZE; isRights && at < length; at += INT_SIZE) {
      const number = header.getInt32(offset + at, true);
      fds.push(new Fd(number, `fd received on ${label}`));
    }
    offset += align(length, 8);
  }
  return fds;
}
