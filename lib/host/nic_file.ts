/**
 * Ganeti's NIC files: `nic/INSTANCE/SEQ` holds the tap's name, without a line
 * break, because the whole content is used. SPEC 1.2.
 *
 * @module
 */

import { SysError, unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  fchmod,
  mkdir,
  openFile,
  procPath,
  readAll,
  rename,
  rmdir,
  unlink,
  writeAll,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { libcFault } from "../sys/libc.ts";

/** Content by file name. */
export type NicFiles = Readonly<Record<string, string>>;

const MAX_BYTES = 256;

function readNicFile(directory: Fd, name: string): string {
  const flags = O.RDONLY | O.NOFOLLOW | O.NONBLOCK;
  using fd = openFile(name, flags, { dir: directory });
  return new TextDecoder().decode(readAll(fd, MAX_BYTES)).trim();
}

/** The place of an instance's NIC files. */
export type NicFolder =
  | { readonly state: "there"; readonly files: NicFiles }
  | { readonly state: "missing" }
  | { readonly state: "unusable"; readonly why: string };

function readAllFiles(directory: string): NicFiles {
  const files: Record<string, string> = {};
  using dir = openFile(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  for (const { name, isFile } of Deno.readDirSync(procPath(dir))) {
    if (!/^\d{1,3}$/.test(name)) continue;
    if (!isFile) throw new RangeError(`${name} is not a file`);
    files[name] = readNicFile(dir, name);
  }
  return files;
}

/** Reads the NIC files of an instance; other files are left out. */
export function readNicFiles(directory: string): NicFolder {
  const fault = libcFault();
  if (fault !== undefined) return { state: "unusable", why: fault.message };
  try {
    return { state: "there", files: readAllFiles(directory) };
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") {
      return { state: "missing" };
    }
    if (error instanceof SysError || error instanceof RangeError) {
      return { state: "unusable", why: error.message };
    }
    throw error;
  }
}

/** The files, if they can be read. */
export function usableFiles(folder: NicFolder): NicFiles | undefined {
  return folder.state === "there" ? folder.files : undefined;
}

function writeNicFile(directory: Fd, name: string, tap: string) {
  const temporary = `${name}.new`;
  unlessRefused(() => unlink(temporary, { dir: directory }), "ENOENT");
  const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
  try {
    using fd = openFile(temporary, flags, { dir: directory, mode: 0o600 });
    writeAll(fd, new TextEncoder().encode(tap));
    rename(temporary, name, { dir: directory });
  } catch (error) {
    unlessRefused(() => unlink(temporary, { dir: directory }), "ENOENT");
    throw error;
  }
}

/** Makes the directory as Ganeti does at an instance's start: SPEC 1.2. */
export function makeNicDirectory(directory: string): void {
  const make = () => {
    mkdir(directory, 0o775);
    using dir = openFile(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
    // With any umask of ours: Ganeti's other daemons read it.
    fchmod(dir, 0o775);
  };
  unlessRefused(make, "EEXIST");
}

/** Removes the directory if it is empty. */
export function removeNicDirectory(directory: string): void {
  unlessRefused(() => rmdir(directory), "ENOTEMPTY", "ENOENT");
}

/**
 * Changes the files from one content to another; files in neither are left
 * alone. May be repeated, and undone with the two exchanged.
 *
 * @param options.from only its names count
 * @throws {SysError}
 */
export function changeNicFiles(
  directory: string,
  { from, to }: { from: Readonly<Record<string, unknown>>; to: NicFiles },
): void {
  using dir = openFile(directory, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  for (const [name, tap] of Object.entries(to)) writeNicFile(dir, name, tap);
  for (const name of Object.keys(from)) {
    if (Object.hasOwn(to, name)) continue;
    unlessRefused(() => unlink(name, { dir }), "ENOENT");
  }
}
