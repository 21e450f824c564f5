/**
 * ioctl(2).
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";

/**
 * Makes a request to a device.
 *
 * @param request The request's number, 0 to 2^32 − 1.
 * @param arg A struct in the request's layout, which the kernel may fill in, or
 * an integer. A struct must have the request's full size: the kernel writes
 * that many bytes, whatever the length of the array.
 * @param what The request's name for the error, as in `TUNSETIFF`.
 * @returns The result of the device, at least 0.
 * @throws {SysError} If it refuses.
 */
export function ioctl(
  fd: Fd,
  request: number,
  arg: Uint8Array<ArrayBuffer> | number,
  what: string,
): number {
  const code = BigInt(request);
  // SAFETY: the caller gives a struct of the size that the request needs; it
  // outlives the synchronous call; the result is checked by checked().
  const call = () =>
    typeof arg === "number"
      ? libc.ioctlNumber(fd.number, code, BigInt.asUintN(64, BigInt(arg)))
      : libc.ioctl(fd.number, code, arg);
  return checked(`ioctl ${what}`, fd, call);
}
