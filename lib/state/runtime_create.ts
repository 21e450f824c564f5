/**
 * A first runtime file, for a VM that Ganeti did not start.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import { HotplugError, messageOf } from "../errors.ts";
import { fsync, openFile, rename, statPath, unlink } from "../sys/file.ts";
import { unlessRefused } from "../sys/errno.ts";
import { O } from "../sys/layout.ts";
import type { Fd } from "../sys/fd.ts";
import { readRuntimeFile, removeIfThere, writeBeside } from "./runtime_file.ts";

/** A file that is to be made. */
export interface FirstRuntime {
  /** Absolute; nothing may be there. */
  readonly path: string;
  /** Name it is written under, in the same directory. */
  readonly temporary: string;
  /** All of it. */
  readonly text: string;
}

function write({ path, temporary, text }: FirstRuntime, dir: Fd) {
  writeBeside(temporary, text, { dir });
  try {
    // The lock keeps ourselves out, and Ganeti knows nothing of this VM.
    const name = basename(path);
    const look = () => statPath(name, { dir, followLinks: "no" });
    if (unlessRefused(look, "ENOENT")) throw new Error("there is one already");
    rename(temporary, name, { dir });
    fsync(dir);
  } catch (error) {
    removeIfThere(temporary, dir);
    throw error;
  }
}

/**
 * Makes a runtime file of mode 0600 and syncs it to the disk.
 *
 * @throws {HotplugError} `state-write-failed`; nothing is left behind
 */
export function createRuntime(first: FirstRuntime): void {
  try {
    using dir = openFile(dirname(first.path), O.RDONLY | O.DIRECTORY);
    write(first, dir);
  } catch (error) {
    throw new HotplugError(
      "state-write-failed",
      `Cannot make runtime file ${first.path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Whether the file is there as it was made. */
export function isAsCreated({ path, text }: FirstRuntime): boolean {
  return readRuntimeFile(path)?.text === text;
}

/** Removes the file again; one that was changed since is left. */
export function removeCreated(first: FirstRuntime): void {
  using dir = openFile(dirname(first.path), O.RDONLY | O.DIRECTORY);
  removeIfThere(first.temporary, dir);
  if (!isAsCreated(first)) return;
  unlink(basename(first.path), { dir });
  fsync(dir);
}
