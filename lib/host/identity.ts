/**
 * The identity of a file or block device, whatever its path.
 *
 * @module
 */

import { isFailure } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import { type FileStatus, openFileWithin, statFd } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/**
 * The identity of a disk: the device number of a block device, the file system
 * and inode of anything else.
 */
export function identityOf(
  status: Pick<FileStatus, "kind" | "device" | "inode" | "rdev">,
): string {
  return status.kind === "block"
    ? `block ${status.rdev}`
    : `file ${status.device} ${status.inode}`;
}

/** The target of a path. */
export interface Lead {
  /** {@linkcode identityOf}; undefined: there is none, or it is unknown. */
  readonly identity: string | undefined;
  /** Why it is unknown: the file does not answer. */
  readonly fault?: string;
}

/**
 * A walk to a file ends after this time, in milliseconds: if the file is on a
 * dead file system, the caller still has other files to check.
 */
const WALK_TIMEOUT_MS = 2_000;

/** Follows a path, with a deadline: a path from a file may lead anywhere. */
export async function leadOf(path: string): Promise<Lead> {
  try {
    const timeoutMs = WALK_TIMEOUT_MS;
    using fd = await openFileWithin(path, O.PATH, { timeoutMs });
    return { identity: identityOf(statFd(fd, { sync: "no" })) };
  } catch (error) {
    // A path from a file may contain characters that no path can have:
    // TypeError.
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
 * The identity of the file at a path, undefined if there is none, or if the
 * file does not answer.
 */
export async function identityAt(path: string): Promise<string | undefined> {
  return (await leadOf(path)).identity;
}

/** As {@linkcode identityAt}, for several paths side by side. */
export async function identitiesAt(
  paths: readonly (string | null)[],
): Promise<(string | undefined)[]> {
  return await Promise.all(
    paths.map((path) => path === null ? undefined : identityAt(path)),
  );
}
