/**
 * A file that other programs read at any time: it has the old content or the
 * new one, never a part.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import {
  hostError,
  HotplugError,
  isDenied,
  messageOf,
  passShortage,
  permissionDenied,
  refuse,
} from "../errors.ts";
import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { flock, openFile, rename, statIfThere } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { pause } from "../sys/pause.ts";
import { removeIfThere, writeBeside } from "./runtime_file.ts";

/** Pause between two tries to take the lock, in milliseconds. */
const RETRY_MS = 25;
/** Every user may read it: a collector is not root. */
const MODE = 0o644;

/** The limits of a wait for another writer. */
export interface OutputOptions {
  /** Longest wait, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
}

function openFolder(path: string): Fd {
  const folder = dirname(path);
  try {
    return openFile(folder, O.RDONLY | O.DIRECTORY);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    passShortage(error);
    if (isDenied(error)) throw permissionDenied(messageOf(error), error);
    throw refuse(`Cannot write ${path}: ${messageOf(error)}`);
  }
}

/** A rename would replace a device or a link as well. */
function expectFile(path: string, dir: Fd) {
  const status = statIfThere(basename(path), { dir, followLinks: "no" });
  if (status === undefined || status.kind === "file") return;
  throw refuse(
    `Cannot write ${path}: it must be a regular file: it is a ${status.kind}`,
    "omit --output to print the metrics",
  );
}

/**
 * Takes the lock of the folder: two writers would have one temporary file. A
 * temporary file of a name of its own would stay after each kill.
 */
async function lockFolder(
  path: string,
  dir: Fd,
  { lockTimeoutMs, signal }: OutputOptions,
) {
  const deadline = performance.now() + lockTimeoutMs;
  while (!flock(dir, "exclusive")) {
    if (performance.now() >= deadline || signal?.aborted) {
      throw new HotplugError(
        "busy",
        `Cannot write ${path}: another process has locked its folder`,
        { hint: "try again later, or wait longer with --lock-timeout" },
      );
    }
    await pause(RETRY_MS, signal);
  }
}

/**
 * Replaces a file, or makes it: mode 0644, of the caller's user. The folder may
 * belong to another user: no link is followed in it, and only the two names are
 * touched.
 *
 * @param path absolute
 * @throws {HotplugError} `refused` | `permission-denied` | `busy`, or
 * `host-error`; the old content stays
 */
export async function replaceOutput(
  path: string,
  text: string,
  options: OutputOptions,
): Promise<void> {
  using dir = openFolder(path);
  await lockFolder(path, dir, options);
  try {
    expectFile(path, dir);
    const temporary = `.${basename(path)}.new`;
    const like = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0, mode: MODE };
    writeBeside(temporary, text, { dir, like });
    try {
      rename(temporary, basename(path), { dir });
    } catch (error) {
      removeIfThere(temporary, dir);
      throw error;
    }
  } catch (error) {
    if (error instanceof HotplugError) throw error;
    passShortage(error);
    if (isDenied(error)) throw permissionDenied(messageOf(error), error);
    throw hostError(`Cannot write ${path}: ${messageOf(error)}`, error);
  }
}
