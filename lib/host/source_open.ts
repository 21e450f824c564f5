/**
 * Opening what a disk is made of, in time: a dead NFS, or a DRBD without its
 * peer, holds whoever opens it.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { openFileWithin, procPath, type TimeLimit } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** Longest look at a source, in milliseconds. */
export const SOURCE_TIMEOUT_MS = 5_000;

/** What keeps a source from being used, as the caller is told of it. */
export function cannotUse(path: string, error: unknown): unknown {
  const isLate = error instanceof DeadlineError;
  if (!isLate && !(error instanceof SysError)) return error;
  const hint = "the file system or device behind it does not answer";
  const what = `Cannot use source ${path}: ${error.message}`;
  return refuse(what, isLate ? hint : undefined);
}

/**
 * Opens a source O_PATH: nothing of it is touched, and it stays the same.
 *
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused`
 * @throws {ShortageError}
 */
export async function pinSource(path: string, limit: TimeLimit): Promise<Fd> {
  try {
    return await openFileWithin(path, O.PATH, { limit });
  } catch (error) {
    throw cannotUse(path, error);
  }
}

/**
 * Opens the inode behind an O_PATH fd; it keeps its label.
 *
 * @returns an fd the caller owns
 * @throws {SysError} | {ShortageError} | {DeadlineError}
 */
export function reopenWithin(
  pinned: Fd,
  flags: number,
  limit: TimeLimit,
): Promise<Fd> {
  const { label } = pinned;
  return openFileWithin(procPath(pinned), flags, { label, limit });
}
