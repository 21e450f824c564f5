/**
 * Receiving descriptors, as QEMU does: recvmsg(2) and SCM_RIGHTS.
 *
 * @module
 */

import { checkedNow, SysError } from "../../lib/sys/errno.ts";
import { Fd } from "../../lib/sys/fd.ts";
import {
  align,
  CMSGHDR_SIZE,
  MSG,
  MSGHDR,
  SOCKET,
} from "../../lib/sys/layout.ts";
import {
  cmsgSpace,
  CONTROL_OFFSET,
  messageMemory,
} from "../../lib/sys/message.ts";

/** The program itself receives no descriptors, so lib/sys has none of this. */
const SYMBOLS = {
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
} as const;

const libc = Deno.dlopen("libc.so.6", SYMBOLS).symbols;

const INT_SIZE = 4;
/** linux/net/scm.h: SCM_MAX_FD. */
const MAX_FDS = 253;
/** linux/socket.h. */
const MSG_CTRUNC = 0x8;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** What {@linkcode receiveMessage} got. */
export interface ReceivedMessage {
  /** Number of bytes, 0 at the end of the stream. */
  readonly bytes: number;
  /** Close-on-exec descriptors, the caller's to close. */
  readonly fds: Fd[];
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
  const flags = MSG.DONTWAIT | MSG_CMSG_CLOEXEC;
  // SAFETY: header, iovec, control data and payload lie in `memory`, which
  // is passed itself and so outlives the synchronous call; it has the room
  // its lengths say; the result is checked by checkedNow().
  const call = () => libc.recvmsg(socket.number, memory, flags);
  const bytes = checkedNow("recvmsg", socket, call);
  if (bytes === undefined) return "would-block";
  const payload = new Uint8Array(memory, CONTROL_OFFSET + controlBytes, bytes);
  buffer.set(payload);
  const fds = receivedFds(memory, socket.label);
  const header = new DataView(memory);
  if ((header.getInt32(MSGHDR.flags, true) & MSG_CTRUNC) !== 0) {
    for (const fd of fds) fd.close();
    throw new SysError("EMSGSIZE", {
      syscall: "recvmsg",
      subject: socket.label,
    });
  }
  return { bytes, fds };
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
