/**
 * The journal of one operation as a file: each line is on the disk before the
 * next step begins. Other files define the meaning of the lines.
 *
 * @module
 */

import { HotplugError, messageOf, passShortage } from "../errors.ts";
import type { Fd } from "../sys/fd.ts";
import {
  fdatasync,
  fsync,
  openFile,
  openIfThere,
  readAll,
  statFd,
  statIfThere,
  unlink,
  writeAll,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import type { InstancePaths } from "./instance.ts";
import { openOwnDirectory, openOwnDirectoryIfThere } from "./lock.ts";

/**
 * A plan contains an entry of the runtime file twice, and an entry has a limit.
 */
const MAX_BYTES = 8 * 1024 * 1024;

/** Name of an instance's journal in our own directory. */
function journalName({ lockKey }: InstancePaths): string {
  return `${lockKey}.journal`;
}

/** The content at the place of a journal. */
export type JournalText =
  | { readonly state: "none" }
  | { readonly state: "there"; readonly lines: readonly string[] }
  /** Not usable, for the reason `why`. No part of it is used. */
  | { readonly state: "unusable"; readonly why: string };

/** A journal that is being written; owns its fd and the fd of the directory. */
export class JournalFile implements Disposable {
  readonly #directory: Fd;
  readonly #name: string;
  readonly #file: Fd;

  /**
   * Makes the file and writes its first lines.
   *
   * @throws {HotplugError} `state-write-failed`; nothing is left behind
   */
  constructor(paths: InstancePaths, lines: readonly string[]) {
    this.#directory = openOwnDirectory(paths.runDir);
    this.#name = journalName(paths);
    try {
      this.#file = this.#make(lines);
    } catch (error) {
      this.#directory.close();
      throw new HotplugError(
        "state-write-failed",
        `Cannot write journal ${this.#name}: ${messageOf(error)}`,
        { cause: error, hint: "nothing was changed" },
      );
    }
  }

  #make(lines: readonly string[]): Fd {
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.APPEND | O.NOFOLLOW;
    const dir = this.#directory;
    const file = openFile(this.#name, flags, { dir, mode: 0o600 });
    try {
      appendTo(file, lines.join("\n"));
      fsync(dir);
      return file;
    } catch (error) {
      file.close();
      unlink(this.#name, { dir });
      throw error;
    }
  }

  /**
   * Adds a line; it is on the disk when this returns.
   *
   * @throws {SysError}
   */
  append(line: string): void {
    appendTo(this.#file, line);
  }

  /** Removes the file: everything is done, or everything is undone. */
  end(): void {
    try {
      unlink(this.#name, { dir: this.#directory });
      fsync(this.#directory);
    } catch {
      // A reader finds that nothing is left to do or undo.
    }
  }

  /** Closes the fds; a file that was not removed stays for the next call. */
  [Symbol.dispose](): void {
    this.#file.close();
    this.#directory.close();
  }
}

function appendTo(file: Fd, line: string) {
  writeAll(file, new TextEncoder().encode(`${line}\n`));
  fdatasync(file);
}

function faultOf(file: Fd): string | undefined {
  const { kind, uid, mode, nlink } = statFd(file);
  if (kind === "file" && uid === 0 && mode === 0o600 && nlink === 1) {
    return undefined;
  }
  return `it must be a regular file of root with mode 0600 and one link: it is a ${kind} of uid ${uid} with mode 0${
    mode.toString(8)
  } and ${nlink} names`;
}

/**
 * Reads a journal that an earlier call left. A last line without its end was
 * being written at the kill, so its step had not begun: the line is left out.
 */
export function readJournalFile(dir: Fd, paths: InstancePaths): JournalText {
  try {
    const flags = O.RDONLY | O.NOFOLLOW | O.NONBLOCK;
    using file = openIfThere(journalName(paths), flags, { dir });
    if (file === undefined) return { state: "none" };
    const why = faultOf(file);
    if (why !== undefined) return { state: "unusable", why };
    const text = new TextDecoder("utf-8", { fatal: false })
      .decode(readAll(file, MAX_BYTES));
    return { state: "there", lines: text.split("\n").slice(0, -1) };
  } catch (error) {
    passShortage(error);
    return { state: "unusable", why: messageOf(error) };
  }
}

/**
 * Whether one of our own files exists, with any content; for questions, too.
 */
export function findOwnFile(
  { runDir, lockKey }: InstancePaths,
  suffix: "journal" | "json",
): "there" | "none" {
  using dir = openOwnDirectoryIfThere(runDir);
  if (dir === undefined) return "none";
  const name = `${lockKey}.${suffix}`;
  const found = statIfThere(name, { dir, followLinks: "no" });
  return found === undefined ? "none" : "there";
}

/**
 * Removes a journal that is not needed any more.
 *
 * @throws {SysError}
 */
export function removeJournalFile(dir: Fd, paths: InstancePaths): void {
  unlink(journalName(paths), { dir });
  fsync(dir);
}
