/**
 * What is done to an open file.
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { ioctl } from "./ioctl.ts";
import { AT, cString } from "./layout.ts";
import { libc } from "./libc.ts";

/** linux/fs.h: _IOR(0x12, 114, size_t), the same on both architectures. */
const BLKGETSIZE64 = 0x80081272;
/** linux/fs.h: _IO(0x12, 94), which fills in an int. */
const BLKROGET = 0x125e;
const BLKSSZGET = 0x1268;
const BLKPBSZGET = 0x127b;
/** Room for most files; it is doubled when it is full. */
const READ_BYTES = 65536;
/** Of all reads: what was read is copied out before anything else happens. */
let room: ArrayBuffer | undefined;

/**
 * Reads a file from its begin, whatever its position is.
 *
 * @param maxBytes The largest content accepted; at most that and one byte are
 * read.
 * @param sizeBytes Of a regular file, as its status tells it: the end is seen
 * by the read that comes short. @default {it is looked for by a read of its own}
 * @throws {RangeError} If the file is longer.
 * @throws {SysError} If reading fails, `ESPIPE` on a pipe or socket.
 */
export function readAll(
  fd: Fd,
  maxBytes: number,
  sizeBytes?: number,
): Uint8Array<ArrayBuffer> {
  let memory = room ??= new ArrayBuffer(READ_BYTES);
  for (let length = 0;;) {
    const most = Math.min(memory.byteLength, maxBytes + 1);
    const rest = new Uint8Array(memory, length, most - length);
    // SAFETY: `rest` has `rest.length` bytes and outlives the synchronous
    // call; the result is checked by checked().
    const call = () =>
      libc.pread(fd.number, rest, BigInt(rest.length), BigInt(length));
    const count = checked("read", fd, call);
    length += count;
    if (length > maxBytes) {
      throw new RangeError(`${fd.label} is longer than ${maxBytes} bytes`);
    }
    const isWhole = length === sizeBytes && count < rest.length;
    if (count === 0 || isWhole) return new Uint8Array(memory.slice(0, length));
    if (length < memory.byteLength) continue;
    const larger = new ArrayBuffer(2 * length);
    new Uint8Array(larger).set(new Uint8Array(memory));
    memory = larger;
  }
}

/**
 * Writes all bytes at the file's position. For blocking descriptors.
 *
 * @throws {SysError} If writing fails; a part may be written then.
 */
export function writeAll(fd: Fd, bytes: Uint8Array): void {
  let written = 0;
  while (written < bytes.length) {
    const rest = bytes.subarray(written) as Uint8Array<ArrayBuffer>;
    // SAFETY: `rest` has `rest.length` bytes and outlives the synchronous
    // call; the result is checked by checked().
    const call = () => libc.write(fd.number, rest, BigInt(rest.length));
    written += checked("write", fd, call);
  }
}

/**
 * Waits until a file's content, or a directory's names, are on the disk.
 *
 * @throws {SysError} `EIO`: what was written may be lost.
 */
export function fsync(fd: Fd): void {
  // SAFETY: no memory; the result is checked by checked().
  checked("fsync", fd, () => libc.fsync(fd.number));
}

/**
 * Waits until a file's content, and what is needed to find it, is on the disk.
 *
 * @throws {SysError} `EIO`: what was written may be lost.
 */
export function fdatasync(fd: Fd): void {
  // SAFETY: no memory; the result is checked by checked().
  checked("fdatasync", fd, () => libc.fdatasync(fd.number));
}

/**
 * Cuts or extends a file.
 *
 * @param sizeBytes The new length, at least 0.
 * @throws {SysError} If the kernel refuses.
 */
export function ftruncate(fd: Fd, sizeBytes: number): void {
  // SAFETY: no memory; the result is checked by checked().
  checked("ftruncate", fd, () => libc.ftruncate(fd.number, BigInt(sizeBytes)));
}

/**
 * Sets the permissions of an open file, regardless of the umask.
 *
 * @param mode 0 to 0o7777.
 * @throws {SysError} `EBADF` for a descriptor opened with O_PATH, and others.
 */
export function fchmod(fd: Fd, mode: number): void {
  // SAFETY: no memory; the result is checked by checked().
  checked("fchmod", fd, () => libc.fchmod(fd.number, mode));
}

/**
 * Sets the owner of an open file; works for O_PATH too, as fchown(2) does not.
 *
 * @throws {SysError} If the kernel refuses.
 */
export function fchown(fd: Fd, uid: number, gid: number): void {
  const empty = cString("");
  // SAFETY: `empty` is one NUL and outlives the synchronous call; the result
  // is checked by checked().
  const call = () => libc.fchownat(fd.number, empty, uid, gid, AT.EMPTY_PATH);
  checked("fchown", fd, call);
}

/**
 * The size of a block device, in bytes, rounded above 2^53 − 1.
 *
 * @throws {SysError} `ENOTTY` if it is none.
 */
export function blockDeviceSize(fd: Fd): number {
  const size = new Uint8Array(8);
  ioctl(fd, BLKGETSIZE64, size, "BLKGETSIZE64");
  return Number(new DataView(size.buffer).getBigUint64(0, true));
}

/**
 * Whether a block device rejects writes; such a device can still be opened for
 * writing.
 *
 * @throws {SysError} `ENOTTY` if it is not a block device.
 */
export function isReadOnlyDevice(fd: Fd): boolean {
  const flag = new Uint8Array(4);
  ioctl(fd, BLKROGET, flag, "BLKROGET");
  return new DataView(flag.buffer).getInt32(0, true) !== 0;
}

/** The sizes of a block device's blocks, in bytes. */
export interface BlockSizes {
  /** A sector: what it is addressed by. */
  readonly logical: number;
  /** What it writes at once. */
  readonly physical: number;
}

/**
 * How a block device is divided.
 *
 * @throws {SysError} `ENOTTY` if it is none.
 */
export function blockSizesOf(fd: Fd): BlockSizes {
  const ask = (request: number, what: string) => {
    const size = new Uint8Array(4);
    ioctl(fd, request, size, what);
    return new DataView(size.buffer).getUint32(0, true);
  };
  return {
    logical: ask(BLKSSZGET, "BLKSSZGET"),
    physical: ask(BLKPBSZGET, "BLKPBSZGET"),
  };
}
