/**
 * All unix sockets of this network namespace, asked of the kernel by
 * NETLINK_SOCK_DIAG (sock_diag(7), linux/unix_diag.h).
 *
 * @module
 */

import { checked, checkedNow } from "./errno.ts";
import { Fd } from "./fd.ts";
import { align, MSG, POLL, SOCKET } from "./layout.ts";
import { libc } from "./libc.ts";
import { pollSync } from "./poll.ts";
import { type Deadline, startDeadline } from "./thread.ts";

/** TCP_ESTABLISHED of net/tcp_states.h, which unix sockets share. */
export const ESTABLISHED = 1;

/** One socket of the kernel's list. */
export type UnixDiagEntry = Readonly<ReturnType<typeof readEntry>>;

const NETLINK_SOCK_DIAG = 4;
const SOCK_DIAG_BY_FAMILY = 20;
/** NLM_F_REQUEST | NLM_F_DUMP. */
const REQUEST_DUMP = 0x301;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER_SIZE = 16;
const REQUEST_SIZE = HEADER_SIZE + 24;
/** UDIAG_SHOW_NAME | _VFS | _PEER | _ICONS. */
const SHOW = 0x1 | 0x2 | 0x4 | 0x8;
const ATTRIBUTE = { NAME: 0, VFS: 1, PEER: 2, ICONS: 3 } as const;
/** The kernel fills at most 32 KiB a message (net/netlink/af_netlink.c). */
const BUFFER_BYTES = 65536;

/**
 * Lists the unix sockets.
 *
 * @param timeoutMs The longest wait, at least 0; the sockets received by then
 * are returned.
 * @throws {SysError} If the kernel has no sock_diag, or refuses.
 */
export function listUnixSockets(timeoutMs: number): UnixDiagEntry[] {
  const deadline = startDeadline(timeoutMs);
  using socket = openNetlink();
  sendRequest(socket);
  const entries: UnixDiagEntry[] = [];
  for (;;) {
    const reply = receiveReply(socket, deadline);
    if (reply === undefined || !readMessages(reply, entries)) return entries;
  }
}

function openNetlink(): Fd {
  const { AF_NETLINK, RAW, CLOEXEC } = SOCKET;
  // SAFETY: no memory; the result is checked by checked().
  const call = () => libc.socket(AF_NETLINK, RAW | CLOEXEC, NETLINK_SOCK_DIAG);
  const number = checked("socket", "sock_diag", call);
  return new Fd(number, "sock_diag");
}

/** struct nlmsghdr and struct unix_diag_req; no address means the kernel. */
function sendRequest(socket: Fd): void {
  const request = new DataView(new ArrayBuffer(REQUEST_SIZE));
  request.setUint32(0, REQUEST_SIZE, true);
  request.setUint16(4, SOCK_DIAG_BY_FAMILY, true);
  request.setUint16(6, REQUEST_DUMP, true);
  request.setUint8(HEADER_SIZE, SOCKET.AF_UNIX);
  request.setUint32(HEADER_SIZE + 4, 0xffffffff, true);
  request.setUint32(HEADER_SIZE + 12, SHOW, true);
  // SAFETY: `request` has that size and outlives the synchronous call; the
  // result is checked by checked().
  const call = () =>
    libc.sendto(socket.number, request, BigInt(REQUEST_SIZE), 0, null, 0);
  checked("send", socket, call);
}

/** Undefined when the time is over. */
function receiveReply(socket: Fd, deadline: Deadline): DataView | undefined {
  const buffer = new ArrayBuffer(BUFFER_BYTES);
  const size = BigInt(BUFFER_BYTES);
  const [ready] = pollSync(
    [{ fd: socket, events: POLL.IN }],
    deadline.remainingMs(),
  );
  if (!ready) return undefined;
  // SAFETY: `buffer` has that size and outlives the synchronous call; the
  // result is checked by checkedNow().
  const call = () => libc.recv(socket.number, buffer, size, MSG.DONTWAIT);
  const count = checkedNow("recv", socket, call);
  return count === undefined ? undefined : new DataView(buffer, 0, count);
}

/** Adds the entries of one datagram. False if it was the last. */
function readMessages(reply: DataView, entries: UnixDiagEntry[]): boolean {
  let offset = 0;
  while (offset + HEADER_SIZE <= reply.byteLength) {
    const length = reply.getUint32(offset, true);
    const type = reply.getUint16(offset + 4, true);
    if (type === NLMSG_DONE || type === NLMSG_ERROR) return false;
    if (length < HEADER_SIZE + 16) return false;
    if (offset + length > reply.byteLength) return false;
    if (type === SOCK_DIAG_BY_FAMILY) {
      const start = reply.byteOffset + offset + HEADER_SIZE;
      entries.push(
        readEntry(new DataView(reply.buffer, start, length - HEADER_SIZE)),
      );
    }
    offset += align(length, 4);
  }
  return offset > 0;
}

/** struct unix_diag_msg, 16 bytes, and its attributes. */
function readEntry(message: DataView) {
  const attributes = readAttributes(message);
  const name = attributes.get(ATTRIBUTE.NAME);
  const file = attributes.get(ATTRIBUTE.VFS);
  return {
    /** {@linkcode ESTABLISHED}, or another of net/tcp_states.h. */
    state: message.getUint8(2),
    /** Inode in sockfs, as in `socket:[N]`; 0 if no process has it yet. */
    inode: message.getUint32(4, true),
    /** The address it is bound to, in the bytes of the program; "" for none. */
    name: name === undefined ? "" : decodeName(name),
    /** The file it is bound to: inode modulo 2^32 and `major:minor`. */
    file: file === undefined ? null : {
      inode: file.getUint32(0, true),
      device: decodeDevice(file.getUint32(4, true)),
    },
    /** Inode in sockfs of the other end; 0 for none. */
    peer: attributes.get(ATTRIBUTE.PEER)?.getUint32(0, true) ?? 0,
    /** For a listener: inodes of the clients that are not accepted yet. */
    waiting: readWords(attributes.get(ATTRIBUTE.ICONS)),
  };
}

/** struct nlattr: length with header at 0, type at 2, data at 4. */
function readAttributes(message: DataView): Map<number, DataView> {
  const attributes = new Map<number, DataView>();
  let offset = 16;
  while (offset + 4 <= message.byteLength) {
    const length = message.getUint16(offset, true);
    if (length < 4 || offset + length > message.byteLength) break;
    const start = message.byteOffset + offset + 4;
    attributes.set(
      message.getUint16(offset + 2, true),
      new DataView(message.buffer, start, length - 4),
    );
    offset += align(length, 4);
  }
  return attributes;
}

function readWords(data: DataView | undefined): number[] {
  const count = (data?.byteLength ?? 0) >> 2;
  return Array.from(
    { length: count },
    (_, index) => data?.getUint32(index * 4, true) ?? 0,
  );
}

function decodeName(data: DataView): string {
  return new TextDecoder().decode(data).replace(/\0+$/, "");
}

/** The kernel's own dev_t: 12 bits major, 20 bits minor (linux/kdev_t.h). */
function decodeDevice(device: number): string {
  return `${device >>> 20}:${device & 0xfffff}`;
}
