/**
 * Puts a file in the place of another, as long as that is what it was made of:
 * others write it who know no lock.
 *
 * @module
 */

import { exchange, rename, unlink } from "../sys/file.ts";
import type { Fd } from "../sys/fd.ts";

/** How often somebody may write while what was written is put back. */
const MAX_TRIES = 16;

/** What is put where; both names are relative to `dir`. */
export interface Replacement {
  readonly dir: Fd;
  /** The name of the new content; in the end there is no such file. */
  readonly from: string;
  readonly to: string;
  /** What the new content was made of. */
  readonly was: string;
  /** Reads a file; undefined if it cannot be read. */
  readonly textOf: (name: string) => string | undefined;
}

/**
 * Exchanges the two, and looks at what was exchanged out. If somebody had
 * written it after the last look, it goes back. Where the file system exchanges
 * nothing, what is written within those microseconds is lost.
 *
 * @returns whether it is in its place; if not, what was written last is, and
 * `from` has something that is of no use
 * @throws {SysError} e.g. `ENOENT` if there is nothing to replace
 */
export function replaceFile(
  { dir, from, to, was, textOf }: Replacement,
): boolean {
  let put = textOf(from);
  if (!exchange(from, to, { dir })) {
    rename(from, to, { dir });
    return true;
  }
  let out = textOf(from);
  if (out === was) {
    unlink(from, { dir });
    return true;
  }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    exchange(from, to, { dir });
    const next = textOf(from);
    if (next === put) return false;
    // It was written anew meanwhile: that is younger than what went back.
    [put, out] = [out, next];
  }
  throw new Error("another program keeps writing it");
}
