/**
 * Messages with a descriptor: sendmsg(2) and SCM_RIGHTS.
 *
 * @module
 */

import { checkedNow } from "./errno.ts";
import type { Fd } from "./fd.ts";
import {
  align,
  CMSGHDR_SIZE,
  IOVEC_SIZE,
  MSG,
  MSGHDR,
  SOCKET,
} from "./layout.ts";
import { libc } from "./libc.ts";

/** Where the control data are in {@linkcode messageMemory}. */
export const CONTROL_OFFSET = MSGHDR.size + IOVEC_SIZE;
const INT_SIZE = 4;

/**
 * Sends bytes with one descriptor, which goes with the first byte.
 *
 * @param bytes At least one.
 * @param passed Stays the caller's: the receiver gets a copy of its own.
 * @returns The number of bytes sent, at least 1; undefined if it would block:
 * then the descriptor was not sent.
 * @throws {SysError} `EPIPE` if the peer is gone, and others.
 */
export function sendMessage(
  socket: Fd,
  bytes: Uint8Array,
  passed: Fd,
): number | undefined {
  const controlBytes = cmsgSpace(1);
  const memory = messageMemory(controlBytes, bytes.length);
  new Uint8Array(memory).set(bytes, CONTROL_OFFSET + controlBytes);
  const view = new DataView(memory, CONTROL_OFFSET);
  view.setBigUint64(0, BigInt(CMSGHDR_SIZE + INT_SIZE), true);
  view.setInt32(8, SOCKET.SOL_SOCKET, true);
  view.setInt32(12, SOCKET.SCM_RIGHTS, true);
  view.setInt32(16, passed.number, true);
  // SAFETY: header, iovec, control data and payload lie in `memory`, which
  // is passed itself and so outlives the synchronous call; the result is
  // checked by checkedNow().
  const call = () =>
    libc.sendmsg(socket.number, memory, MSG.NOSIGNAL | MSG.DONTWAIT);
  return checkedNow("sendmsg", socket, call);
}

/**
 * One ArrayBuffer with msghdr, iovec, control data and payload, in this order.
 * The addresses in it are numbers, which keep nothing alive. All of them point
 * into the buffer itself: a reference to the buffer keeps everything alive.
 */
export function messageMemory(
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
export function cmsgSpace(count: number): number {
  return CMSGHDR_SIZE + align(count * INT_SIZE, 8);
}
