/**
 * What is done to an open file.
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { AT, cString } from "./layout.ts";
import { libc } from "./libc.ts";

/** linux/fs.h: _IOR(0x12, 114, size_t), the same on both architectures. */
const BLKGETSIZE64 = 0x80081272n;
const READ_CHUNK_BYTES = 65536;

/**
 * Reads a file from its begin, whatever its position is.
 *
 * @param maxBytes The largest content accepted; at most that and one byte are
 * read.
 * @throws {RangeError} If the file is longer.
 * @throws {SysError} If reading fails, `ESPIPE` on a pipe or socket.
 */
export function readAll(fd: Fd, maxBytes: number): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const room = Math.min(READ_CHUNK_BYTES, maxBytes + 1 - length);
    const chunk = new Uint8Array(new ArrayBuffer(room));
    const count = preadInto(fd, chunk, length);
    if (count === 0) break;
    length += count;
    if (length > maxBytes) {
      throw new RangeError(`${fd.label} is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk.subarray(0, count));
  }
  return joined(chunks, length);
}

function preadInto(
  fd: Fd,
  chunk: Uint8Array<ArrayBuffer>,
  offset: number,
): number {
  return checked(
    // SAFETY: `chunk` has `chunk.length` bytes and outlives the synchronous
    // call; the result is checked by checked().
    () => libc.pread(fd.number, chunk, BigInt(chunk.length), BigInt(offset)),
    { syscall: "read", subject: fd.label },
  );
}

function joined(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  length: number,
): Uint8Array<ArrayBuffer> {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const all = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    all.set(chunk, offset);
    offset += chunk.length;
  }
  return all;
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
    written += checked(
      // SAFETY: `rest` has `rest.length` bytes and outlives the synchronous
      // call; the result is checked by checked().
      () => libc.write(fd.number, rest, BigInt(rest.length)),
      { syscall: "write", subject: fd.label },
    );
  }
}

/**
 * Waits until a file's content, or a directory's names, are on the disk.
 *
 * @throws {SysError} `EIO`: what was written may be lost.
 */
export function fsync(fd: Fd): void {
  // SAFETY: no memory; the result is checked by checked().
  checked(() => libc.fsync(fd.number), named(fd, "fsync"));
}

/**
 * Waits until a file's content, and what is needed to find it, is on the disk.
 *
 * @throws {SysError} `EIO`: what was written may be lost.
 */
export function fdatasync(fd: Fd): void {
  // SAFETY: no memory; the result is checked by checked().
  checked(() => libc.fdatasync(fd.number), named(fd, "fdatasync"));
}

/**
 * Cuts or extends a file.
 *
 * @param sizeBytes The new length, at least 0.
 * @throws {SysError} If the kernel refuses.
 */
export function ftruncate(fd: Fd, sizeBytes: number): void {
  // SAFETY: no memory; the result is checked by checked().
  checked(
    () => libc.ftruncate(fd.number, BigInt(sizeBytes)),
    named(fd, "ftruncate"),
  );
}

/**
 * Sets the permissions of an open file, regardless of the umask.
 *
 * @param mode 0 to 0o7777.
 * @throws {SysError} `EBADF` for a descriptor opened with O_PATH, and others.
 */
export function fchmod(fd: Fd, mode: number): void {
  // SAFETY: no memory; the result is checked by checked().
  checked(() => libc.fchmod(fd.number, mode), named(fd, "fchmod"));
}

/**
 * Sets the owner of an open file; works for O_PATH too, as fchown(2) does not.
 *
 * @throws {SysError} If the kernel refuses.
 */
export function fchown(fd: Fd, uid: number, gid: number): void {
  const empty = cString("");
  checked(
    // SAFETY: `empty` is one NUL and outlives the synchronous call; the result
    // is checked by checked().
    () => libc.fchownat(fd.number, empty, uid, gid, AT.EMPTY_PATH),
    named(fd, "fchown"),
  );
}

/**
 * The size of a block device, in bytes, rounded above 2^53 − 1.
 *
 * @throws {SysError} `ENOTTY` if it is none.
 */
export function blockDeviceSize(fd: Fd): number {
  const size = new DataView(new ArrayBuffer(8));
  checked(
    // SAFETY: `size` has the 8 bytes this ioctl writes and outlives the
    // synchronous call; the result is checked by checked().
    () => libc.ioctl(fd.number, BLKGETSIZE64, size),
    named(fd, "ioctl BLKGETSIZE64"),
  );
  return Number(size.getBigUint64(0, true));
}

function named(fd: Fd, syscall: string) {
  return { syscall, subject: fd.label };
}
