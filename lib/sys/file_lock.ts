/**
 * Locks on files.
 *
 * @module
 */

import { checkedNow } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { F, LOCK } from "./layout.ts";
import { libc } from "./libc.ts";
import { callWithin, type TimeLimit } from "./thread_call.ts";

/** The operations of {@linkcode flock}; none of them waits. */
const LOCK_OPERATIONS = {
  exclusive: LOCK.EX | LOCK.NB,
  shared: LOCK.SH | LOCK.NB,
  unlock: LOCK.UN | LOCK.NB,
} as const;

/**
 * Takes or gives back a flock(2) lock, without waiting. The lock belongs to the
 * open file and ends when its last descriptor is closed.
 *
 * @returns False if another open file holds it.
 * @throws {SysError} If the kernel refuses for another reason.
 */
export function flock(fd: Fd, op: keyof typeof LOCK_OPERATIONS): boolean {
  // SAFETY: no memory; the result is checked by checkedNow().
  const call = () => libc.flock(fd.number, LOCK_OPERATIONS[op]);
  const taken = checkedNow("flock", fd, call);
  return taken !== undefined;
}

/**
 * Whether another open file holds an fcntl(2) lock, of a process or of an open
 * file description, on any byte of a range. Takes no lock itself.
 *
 * @param range In bytes, at least one.
 * @throws as {@linkcode callWithin}
 */
export async function isRangeLocked(
  fd: Fd,
  range: { readonly start: number; readonly length: number },
  limit: TimeLimit,
): Promise<boolean> {
  // struct flock: type at 0, whence (SEEK_SET) at 2, start at 8, length at 16,
  // pid at 24, which must be 0 for OFD_GETLK (fcntl_locking(2)).
  const lock = new DataView(new ArrayBuffer(32));
  lock.setInt16(0, F.WRLCK, true);
  lock.setBigInt64(8, BigInt(range.start), true);
  lock.setBigInt64(16, BigInt(range.length), true);
  await callWithin({
    function: "fcntl",
    args: [fd.number, F.OFD_GETLK, lock],
    syscall: "fcntl",
    subject: fd.label,
    file: fd,
  }, limit);
  return lock.getInt16(0, true) !== F.UNLCK;
}
