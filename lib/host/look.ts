/**
 * Looking at this node, with FFI or without: a list is given on every platform.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { readText } from "../sys/regular_file.ts";

/**
 * A file's text; undefined if it cannot be read, whatever the reason but a
 * shortage.
 *
 * @throws a shortage: {@linkcode passShortage}
 */
export function readIfThere(path: string): string | undefined {
  try {
    return readText(path);
  } catch (error) {
    passShortage(error);
    // A process may vanish while it is looked at.
    return undefined;
  }
}

/**
 * Names in a directory; none if it cannot be read, whatever the reason but a
 * shortage.
 *
 * @throws a shortage: {@linkcode passShortage}
 */
export function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    passShortage(error);
    return [];
  }
}

/**
 * What a path itself is, a link included.
 *
 * @returns undefined if there is nothing
 * @throws {Deno.errors.PermissionDenied} and others, a shortage too
 */
export function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    const none = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (none) return undefined;
    throw error;
  }
}
