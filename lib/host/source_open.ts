/**
 * Opening what a disk is made of, in time: a dead NFS, or a DRBD without its
 * peer, holds whoever opens it.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { openFileWithin } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** An open that takes longer ends, in milliseconds. */
const OPEN_TIMEOUT_MS = 5_000;

/**
 * Opens a source O_PATH: nothing of it is touched, and it stays the same.
 *
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused`
 * @throws {ShortageError}
 */
export async function pinSource(path: string): Promise<Fd> {
  try {
    return await openFileWithin(path, O.PATH, { timeoutMs: OPEN_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof SysError || error instanceof DeadlineError) {
      throw refuse(`Cannot use source ${path}: ${error.message}`);
    }
    throw error;
  }
}

/**
 * Opens the inode behind an O_PATH fd, with a deadline; it keeps its label.
 *
 * @returns an fd the caller owns
 * @throws {SysError} | {ShortageError} | {DeadlineError}
 */
export async function reopenWithin(pinned: Fd, flags: number): Promise<Fd> {
  const fd = await openFileWithin(`/proc/self/fd/${pinned.number}`, flags, {
    timeoutMs: OPEN_TIMEOUT_MS,
  });
  return new Fd(fd.release(), pinned.label);
}
