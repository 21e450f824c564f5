/**
 * ioctl(2).
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

/**
 * Asks a device for something.
 *
 * @param request The request's number, 0 to 2^32 − 1.
 * @param arg A struct in the request's layout, which may be filled in, or an
 * integer. A struct must have the request's full size: the kernel writes that
 * much, whatever the array holds.
 * @param what The request's name for the error, as in `TUNSETIFF`.
 * @returns What the device returned, at least 0.
 * @throws {SysError} If it refuses.
 */
export function ioctl(
  fd: Fd,
  request: number,
  arg: Uint8Array | number,
  what: string,
): number {
  return checked(
    prepare(fd, BigInt(request), arg),
    { syscall: `ioctl ${what}`, subject: fd.label },
  );
}

function prepare(
  fd: Fd,
  request: bigint,
  arg: Uint8Array | number,
): () => number {
  if (typeof arg === "number") {
    const number = BigInt.asUintN(64, BigInt(arg));
    // SAFETY: no memory; the result is checked by the caller.
    return () => libc.ioctlNumber(fd.number, request, number);
  }
  const memory = arg as Uint8Array<ArrayBuffer>;
  // SAFETY: whoever calls ioctl gives the size the request needs; `memory`
  // outlives the synchronous call; the result is checked by the caller.
  return () => libc.ioctl(fd.number, request, memory);
}
