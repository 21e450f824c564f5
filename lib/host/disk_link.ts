/**
 * Ganeti's links to the disks of an instance: `instance-disks/NAME:INDEX`,
 * SPEC 1.2 and 5.8.
 *
 * @module
 */

import { passShortage, refuse } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import { openFile, procPath, rename, unlink } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** The target of each link, by its name; null: there is none. */
export type DiskLinks = Readonly<Record<string, string | null>>;

function openFolder(directory: string): Fd {
  return openFile(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
}

function readLink(dir: Fd, name: string): string | null {
  try {
    return Deno.readLinkSync(`${procPath(dir)}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    passShortage(error);
    throw refuse(`${name} in ${dir.label} is not a symbolic link`);
  }
}

/**
 * Reads links of a folder.
 *
 * @throws {HotplugError} `refused` if one is not a link
 * @throws {SysError} if there is no such folder
 */
export function readDiskLinks(
  directory: string,
  names: readonly string[],
): DiskLinks {
  using dir = openFolder(directory);
  return Object.fromEntries(names.map((name) => [name, readLink(dir, name)]));
}

function removeLink(dir: Fd, name: string) {
  if (readLink(dir, name) !== null) unlink(name, { dir });
}

function writeLink(dir: Fd, name: string, target: string) {
  const temporary = `${name}.new`;
  removeLink(dir, temporary);
  Deno.symlinkSync(target, `${procPath(dir)}/${temporary}`);
  try {
    rename(temporary, name, { dir });
  } catch (error) {
    unlink(temporary, { dir });
    throw error;
  }
}

/**
 * Sets the targets of links; each link is replaced atomically. May be repeated.
 *
 * @throws {SysError} | {HotplugError} `refused` if one is not a symbolic link
 */
export function changeDiskLinks(directory: string, links: DiskLinks): void {
  using dir = openFolder(directory);
  for (const [name, target] of Object.entries(links)) {
    if (readLink(dir, name) === target) continue;
    if (target === null) removeLink(dir, name);
    else writeLink(dir, name, target);
  }
}
