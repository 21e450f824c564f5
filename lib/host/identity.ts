/**
 * What tells one file or block device from another, whatever its path.
 *
 * @module
 */

import { isFailure } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import { type FileStatus, openFileWithin, statFd } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/**
 * What tells one disk from another: the device number of a block device, the
 * file system and inode of anything else.
 */
export function identityOf(
  status: Pick<FileStatus, "kind" | "device" | "inode" | "rdev">,
): string {
  return status.kind === "block"
    ? `block ${status.rdev}`
    : `file ${status.device} ${status.inode}`;
}

/** Where a path leads. */
export interface Lead {
  /** {@linkcode identityOf}; undefined: nowhere, or that cannot be told. */
  readonly identity: string | undefined;
  /** Why it cannot be told: what lies there does not answer. */
  readonly fault?: string;
}

/**
 * Walking to a file ends after this time, in milliseconds: it lies on a dead
 * file system, and who asks has others to look at.
 */
const WALK_TIMEOUT_MS = 2_000;

/** Follows a path, with a deadline: what a file names may lie anywhere. */
export async function leadOf(path: string): Promise<Lead> {
  try {
    const timeoutMs = WALK_TIMEOUT_MS;
    using fd = await openFileWithin(path, O.PATH, { timeoutMs });
    return { identity: identityOf(statFd(fd, { sync: "no" })) };
  } catch (error) {
    // A path from a file may hold what no path can hold: TypeError.
    if (error instanceof SysError || error instanceof TypeError) {
      return { identity: undefined };
    }
    if (isSilence(error)) return { identity: undefined, fault: error.message };
    throw error;
  }
}

/** Whether an error says that a file does not answer. */
export function isSilence(error: unknown): error is Error {
  return error instanceof DeadlineError ||
    isFailure(error, "busy");
}

/**
 * The identity of what a path leads to, undefined if it leads nowhere, or to
 * what does not answer.
 */
export async function identityAt(path: string): Promise<string | undefined> {
  return (await leadOf(path)).identity;
}

/** The same of several paths, looked at side by side. */
export async function identitiesAt(
  paths: readonly (string | null)[],
): Promise<(string | undefined)[]> {
  return await Promise.all(
    paths.map((path) => path === null ? undefined : identityAt(path)),
  );
}
