/**
 * What tells one file or block device from another, whatever its path.
 *
 * @module
 */

import { SysError } from "../sys/errno.ts";
import { type FileStatus, statPath } from "../sys/file.ts";

/**
 * What tells one disk from another: the device number of a block device, the
 * file system and inode of anything else.
 */
export function identityOf(status: FileStatus): string {
  return status.kind === "block"
    ? `block ${status.rdev}`
    : `file ${status.device} ${status.inode}`;
}

/** The identity of what a path leads to, undefined if it leads nowhere. */
export function identityAt(path: string): string | undefined {
  try {
    return identityOf(statPath(path));
  } catch (error) {
    // A path from a file may hold what no path can hold: TypeError.
    if (error instanceof SysError || error instanceof TypeError) {
      return undefined;
    }
    throw error;
  }
}
