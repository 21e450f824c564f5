/**
 * Small files read whole, without trust in their path. Works without a C
 * library that can be called, too: what is only read from files goes on
 * working there.
 *
 * @module
 */

import { messageOf, orNone } from "../errors.ts";
import { failedCall, SysError } from "./errno.ts";
import { openFile, openIfThere, readAll, statFd } from "./file.ts";
import { type FileStatus, typeOf } from "./file_status.ts";
import { O } from "./layout.ts";
import { libcFault } from "./libc.ts";

/** A file as it was read. */
export interface RegularFile {
  /** Undefined if it is no regular file. */
  readonly bytes: Uint8Array<ArrayBuffer> | undefined;
  /** Of the same inode. */
  readonly status: FileStatus;
}

/**
 * Reads a file; a link in its place is not followed, and a FIFO or device
 * does not hold us.
 *
 * @param maxBytes the largest content accepted
 * @throws {SysError} `ELOOP` for a link, `ENOENT` and others
 * @throws {RangeError} if it is longer
 */
export function readRegularFile(path: string, maxBytes: number): RegularFile {
  if (libcFault() !== undefined) return readByDeno(path, maxBytes);
  using fd = openFile(path, O.RDONLY | O.NOFOLLOW | O.NONBLOCK);
  const status = statFd(fd);
  const isFile = status.kind === "file";
  const read = () => readAll(fd, maxBytes, status.sizeBytes);
  return { status, bytes: isFile ? read() : undefined };
}

/**
 * Reads a file of /proc or /sys, of any length, as text: such a file does not
 * tell its length, and Deno's own function, which trusts it, reads bit by bit.
 *
 * @throws {SysError} | {Deno.errors.NotFound} and others
 */
export function readText(path: string): string {
  if (libcFault() !== undefined) return Deno.readTextFileSync(path);
  using fd = openFile(path, O.RDONLY);
  return new TextDecoder().decode(readAll(fd, Infinity));
}

/**
 * As {@linkcode readText}, of a file that may not be there.
 *
 * @returns undefined if it is not
 */
export function readTextIfThere(path: string): string | undefined {
  if (libcFault() !== undefined) {
    return orNone(
      () => Deno.readTextFileSync(path),
      (error) => error instanceof Deno.errors.NotFound,
    );
  }
  using fd = openIfThere(path, O.RDONLY);
  return fd && new TextDecoder().decode(readAll(fd, Infinity));
}

/** Turns an error of Deno into an error of {@linkcode failedCall}. */
function named<T>(syscall: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code = "EIO" } = error as { readonly code?: string };
    const [, text] = /^(.*?) \(os error \d+\)/.exec(messageOf(error)) ?? [];
    const about = { syscall, subject: path };
    throw failedCall(code, about, text ?? messageOf(error));
  }
}

function readByDeno(path: string, maxBytes: number): RegularFile {
  const refused = (code: string, text: string) =>
    new SysError(code, { syscall: "open", subject: path }, text);
  const seen = named("open", path, () => Deno.lstatSync(path));
  if (seen.isSymlink) {
    throw refused("ELOOP", "Too many levels of symbolic links");
  }
  const status = statusOf(seen);
  if (!seen.isFile) return { status, bytes: undefined };
  using file = named("open", path, () => Deno.openSync(path));
  const { ino, dev } = file.statSync();
  // Another file was put there meanwhile, maybe behind a link.
  if (ino !== seen.ino || dev !== seen.dev) {
    throw refused("EBUSY", "Device or resource busy");
  }
  // A byte more than it says it has, to see its end; it may grow meanwhile.
  let bytes = new Uint8Array(Math.min(seen.size, maxBytes) + 1);
  let length = 0;
  for (;;) {
    const rest = bytes.subarray(length);
    const count = named("read", path, () => file.readSync(rest));
    if (!count) return { status, bytes: bytes.slice(0, length) };
    length += count;
    if (length === bytes.length) {
      bytes = new Uint8Array(
        bytes.buffer.transfer(Math.min(2 * length, maxBytes + 1)),
      );
    }
    if (length > maxBytes) {
      throw new RangeError(`${path} is longer than ${maxBytes} bytes`);
    }
  }
}

/** `major:minor` of gnu_dev_major(3) and gnu_dev_minor(3). */
function device(number: number | null): string {
  const value = BigInt(number ?? 0);
  const major = (value >> 8n & 0xfffn) | (value >> 32n & 0xfffff000n);
  const minor = (value & 0xffn) | (value >> 12n & 0xffffff00n);
  return `${major}:${minor}`;
}

function statusOf(info: Deno.FileInfo): FileStatus {
  return {
    ...typeOf(info.mode ?? 0),
    uid: info.uid ?? 0,
    gid: info.gid ?? 0,
    sizeBytes: info.size,
    inode: BigInt(info.ino ?? 0),
    device: device(info.dev),
    rdev: device(info.rdev),
    nlink: info.nlink ?? 0,
    modifiedNs: BigInt(info.mtime?.getTime() ?? 0) * 1_000_000n,
  };
}
