/**
 * Looks at this node, with FFI or without: `list` works on every platform.
 *
 * @module
 */

import { ifThere, orNone } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import { statIfThere } from "../sys/file_status.ts";
import { libcFault } from "../sys/libc.ts";
import { readTextIfThere } from "../sys/regular_file.ts";

/**
 * A file's text; undefined if it cannot be read for any reason but a shortage.
 *
 * @throws a shortage: {@linkcode passShortage}
 */
export function readIfThere(path: string): string | undefined {
  return ifThere(() => readTextIfThere(path));
}

/**
 * Names in a directory; none if it cannot be read for any reason but a
 * shortage.
 *
 * @throws a shortage: {@linkcode passShortage}
 */
export function namesIn(path: string): string[] {
  const read = () => [...Deno.readDirSync(path)].map(({ name }) => name);
  return ifThere(read) ?? [];
}

/**
 * The status of a path itself; links are not followed.
 *
 * @returns undefined if there is nothing
 * @throws {Deno.errors.PermissionDenied} and others, a shortage too
 */
export function lookAt(path: string): Deno.FileInfo | undefined {
  return orNone(
    () => Deno.lstatSync(path),
    (error) =>
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory,
  );
}

/**
 * Whether there is something at a path, be it a link to nothing.
 *
 * @throws {SysError} `EACCES` and others, a shortage too; where the C library
 * cannot be called, as {@linkcode lookAt}
 */
export function isThere(path: string): boolean {
  if (libcFault() !== undefined) return lookAt(path) !== undefined;
  const look = () => statIfThere(path, { followLinks: "no" });
  return unlessRefused(look, "ENOTDIR") !== undefined;
}
