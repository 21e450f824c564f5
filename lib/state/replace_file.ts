/**
 * Replaces a file, if it still has the content on which the new content is
 * based: other programs write it without a lock.
 *
 * @module
 */

import { exchange, rename, unlink } from "../sys/file.ts";
import type { Fd } from "../sys/fd.ts";

/** Number of tries while another program writes. */
const MAX_TRIES = 16;

/** The two files; both names are relative to `dir`. */
export interface Replacement {
  readonly dir: Fd;
  /** The name of the new content; in the end there is no such file. */
  readonly from: string;
  readonly to: string;
  /** The content on which the new content is based. */
  readonly was: string;
  /** The new content. */
  readonly put: string;
  /** Reads a file; undefined if it cannot be read. */
  readonly textOf: (name: string) => string | undefined;
}

/**
 * Exchanges the two files, and looks at the old one. If another program has
 * written it after the last look, it is put back. If the file system cannot
 * exchange files, content written within these microseconds is lost.
 *
 * @returns whether the new content is in its place; if not, the latest content
 * is, and `from` has useless content
 * @throws {SysError} e.g. `ENOENT` if there is nothing to replace
 */
export function replaceFile(
  { dir, from, to, was, put: ours, textOf }: Replacement,
): boolean {
  if (!exchange(from, to, { dir })) {
    rename(from, to, { dir });
    return true;
  }
  let put: string | undefined = ours;
  let out = textOf(from);
  if (out === was) {
    unlink(from, { dir });
    return true;
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    exchange(from, to, { dir });
    const next = textOf(from);
    if (next === put) return false;
    // It was written again meanwhile: this content is newer than the content
    // that was put back.
    [put, out] = [out, next];
  }
  throw new Error("another program keeps writing it");
}
