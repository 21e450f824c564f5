/**
 * The runtime file on disk: read without trust, replaced atomically.
 *
 * The new content is written and synced beside the old one before QEMU is
 * asked for anything (*staged*), so that a full disk is met while nothing has
 * changed; the rename comes last (*committed*).
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/posix";
import {
  HotplugError,
  isFailure,
  messageOf,
  orNone,
  passShortage,
} from "../errors.ts";
import { SysError, unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  exchange,
  fchmod,
  fchown,
  type FileStatus,
  fsync,
  openFile,
  rename,
  statIfThere,
  statPath,
  unlink,
  writeAll,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { readRegularFile, type RegularFile } from "../sys/regular_file.ts";
import {
  formatRuntime,
  MAX_RUNTIME_BYTES,
  parseRuntime,
  type Runtime,
} from "./runtime.ts";
import { replaceFile } from "./replace_file.ts";
import {
  applyChange,
  holdsChange,
  type RuntimeChange,
} from "./runtime_change.ts";

/** A runtime file as it stood when it was read. */
export interface RuntimeContent {
  /** Where it was read; not a link. */
  readonly path: string;
  /** To the letter; tells whether the file changed meanwhile. */
  readonly text: string;
  readonly runtime: Runtime;
}

/** The same, not yet understood. */
interface RuntimeText extends Omit<RuntimeContent, "runtime"> {
  /** Its replacement gets the same owner and mode. */
  readonly status: FileStatus;
}

/** A change on its way into a runtime file. */
export interface StagedChange {
  readonly path: string;
  /** Name of the new content's file, in the same directory. */
  readonly temporary: string;
  /** Made again at commit if the file changed meanwhile. */
  readonly change: RuntimeChange;
}

function badFile(path: string, why: string, cause?: unknown): HotplugError {
  return new HotplugError(
    "bad-state-file",
    `Cannot read runtime file ${path}: ${why}`,
    { cause },
  );
}

/** Errors of a path at which there is nothing, and of those with any name. */
const MISSING = ["ENOENT", "ENOTDIR"];
const NOWHERE = [...MISSING, "ENAMETOOLONG"];

/** Whether there is something to read, be it a runtime file or not. */
export function isRuntimeThere(path: string): boolean {
  try {
    statPath(path, { followLinks: "no" });
    return true;
  } catch (error) {
    return !(error instanceof SysError && NOWHERE.includes(error.code));
  }
}

function readRegular(path: string): RegularFile | undefined {
  try {
    return readRegularFile(path, MAX_RUNTIME_BYTES);
  } catch (error) {
    if (error instanceof RangeError) {
      throw badFile(path, `it is larger than ${MAX_RUNTIME_BYTES} bytes`);
    }
    if (error instanceof SysError) {
      if (NOWHERE.includes(error.code)) return undefined;
      if (error.code === "ELOOP") throw badFile(path, "it is a symbolic link");
    }
    passShortage(error);
    throw badFile(path, messageOf(error), error);
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch (error) {
    throw badFile(path, "it is not UTF-8 text", error);
  }
}

function readRuntimeText(path: string): RuntimeText | undefined {
  const file = readRegular(path);
  if (file === undefined) return undefined;
  const { bytes, status } = file;
  if (bytes === undefined) {
    throw badFile(path, `it must be a regular file: it is a ${status.kind}`);
  }
  return { path, text: decode(bytes, path), status };
}

/** What was understood last: a change reads the same text more than once. */
let understood: RuntimeContent | undefined;

function understandRuntime({ text, path }: RuntimeText): RuntimeContent {
  if (understood?.text === text && understood.path === path) return understood;
  return understood = { path, text, runtime: parseRuntime(text, path) };
}

/**
 * Reads and understands a runtime file.
 *
 * @returns undefined if there is none
 * @throws {HotplugError} `bad-state-file`
 */
export function readRuntimeFile(path: string): RuntimeContent | undefined {
  const file = readRuntimeText(path);
  return file && understandRuntime(file);
}

function expectRuntimeText(path: string): RuntimeText {
  const file = readRuntimeText(path);
  if (file === undefined) throw badFile(path, "it was removed");
  return file;
}

function openDirectory(path: string): Fd {
  return openFile(dirname(path), O.RDONLY | O.DIRECTORY);
}

/** Removes a file; none there is fine. */
export function removeIfThere(name: string, dir?: Fd) {
  unlessRefused(() => {
    // On a read-only file system unlink() says EROFS before ENOENT.
    if (statIfThere(name, { dir, followLinks: "no" })) unlink(name, { dir });
  }, ...MISSING);
}

/**
 * Writes and syncs a file beside another one, in place of one that was left.
 *
 * @param options.like whose owner and mode it gets. @default root, 0600
 * @throws {SysError} nothing is left behind
 */
export function writeBeside(
  name: string,
  text: string,
  { dir, like }: { readonly dir: Fd; readonly like?: FileStatus },
): void {
  removeIfThere(name, dir);
  const flags = O.WRONLY | O.CREAT | O.EXCL | O.NOFOLLOW;
  using fd = openFile(name, flags, { dir, mode: 0o600 });
  try {
    writeAll(fd, new TextEncoder().encode(text));
    if (like !== undefined) {
      fchown(fd, like.uid, like.gid);
      fchmod(fd, like.mode);
    }
    fsync(fd);
  } catch (error) {
    removeIfThere(name, dir);
    throw error;
  }
}

function writeTemporary(dir: Fd, staged: StagedChange, before: RuntimeText) {
  const { text, status } = before;
  const { root } = understandRuntime(before).runtime;
  // Not matched: /\s*$/ looks from each of a million blanks for the end.
  const tail = text.slice(text.trimEnd().length);
  const after = formatRuntime(applyChange(root, staged.change), tail);
  writeBeside(staged.temporary, after, { dir, like: status });
}

function writeFailed(path: string, error: unknown): HotplugError {
  return new HotplugError(
    "state-write-failed",
    `Cannot change runtime file ${path}: ${messageOf(error)}`,
    { cause: error },
  );
}

/**
 * Writes the new content beside the runtime file and syncs it to the disk.
 *
 * @returns the text the change was applied to
 * @throws {HotplugError} `state-write-failed`; nothing is left behind
 */
export function stageRuntime(staged: StagedChange): string {
  try {
    const before = expectRuntimeText(staged.path);
    using dir = openDirectory(staged.path);
    writeTemporary(dir, staged, before);
    return before.text;
  } catch (error) {
    throw writeFailed(staged.path, error);
  }
}

/** How often a change is made again under somebody else who writes. */
const MAX_TRIES = 16;

/** A file's text; what cannot be read is not what we wrote or read. */
function textOf(path: string): string | undefined {
  return orNone(() => readRuntimeText(path)?.text, isFailure);
}

/**
 * Puts the staged content in the runtime file's place and syncs the directory.
 * Ganeti's noded knows no lock: as long as the file is no longer what the
 * staged content was made of, the change is made again on what is there now.
 *
 * @param basis what {@linkcode stageRuntime} returned
 * @throws {HotplugError} `state-write-failed`, also if the file changed each
 * time; then the staged content is old
 */
export function commitRuntime(staged: StagedChange, basis: string): void {
  try {
    const { path, temporary: from } = staged;
    using dir = openDirectory(path);
    const beside = (name: string) => textOf(join(dirname(path), name));
    const names = { dir, from, to: basename(path), textOf: beside };
    let was = basis;
    for (let tries = 0;; tries++) {
      const now = expectRuntimeText(path);
      if (now.text === was && replaceFile({ ...names, was })) break;
      if (tries === MAX_TRIES) {
        throw new Error("another program keeps writing it");
      }
      // This takes a sync: time enough for noded to write again.
      writeTemporary(dir, staged, now);
      was = now.text;
    }
    fsync(dir);
  } catch (error) {
    throw writeFailed(staged.path, error);
  }
}

/** Whether there is staged content. */
export function isStaged({ path, temporary }: StagedChange): boolean {
  const name = join(dirname(path), temporary);
  const look = () => statIfThere(name, { followLinks: "no" });
  return unlessRefused(look, ...MISSING) !== undefined;
}

/** Whether a file that can be read has a change. */
function hasChange({ text, path }: RuntimeText, change: RuntimeChange) {
  return holdsChange(parseRuntime(text, path), change);
}

/**
 * Removes what a killed call left of a change that is in the runtime file. If
 * that call had just exchanged out what somebody wrote within those
 * microseconds, it is younger than ours: the change is made on it.
 *
 * @throws {HotplugError} `state-write-failed`
 */
export function settleStaged(staged: StagedChange): void {
  const { path, temporary, change } = staged;
  try {
    const out = readRuntimeText(join(dirname(path), temporary));
    if (out === undefined) return;
    const now = expectRuntimeText(path);
    const isLost = out.status.modifiedNs >= now.status.modifiedNs &&
      hasChange(now, change) && !hasChange(out, change);
    if (isLost) {
      using dir = openDirectory(path);
      exchange(temporary, basename(path), { dir });
      return commitRuntime(staged, stageRuntime(staged));
    }
  } catch (error) {
    // It was cut off anywhere.
    if (!isFailure(error, "bad-state-file")) throw error;
  }
  discardStaged(staged);
}

/** Removes the staged content, if it is there. */
export function discardStaged(staged: StagedChange): void {
  removeIfThere(join(dirname(staged.path), staged.temporary));
}

/** A first runtime file, for a VM that Ganeti did not start. */
interface FirstRuntime {
  /** Absolute; nothing may be there. */
  readonly path: string;
  /** Name it is written under, in the same directory. */
  readonly temporary: string;
  /** All of it. */
  readonly text: string;
}

function makeFirst({ path, temporary, text }: FirstRuntime, dir: Fd) {
  writeBeside(temporary, text, { dir });
  try {
    // The lock keeps ourselves out, and Ganeti knows nothing of this VM.
    const name = basename(path);
    if (statIfThere(name, { dir, followLinks: "no" })) {
      throw new Error("the file already exists");
    }
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
    using dir = openDirectory(first.path);
    makeFirst(first, dir);
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
  using dir = openDirectory(first.path);
  removeIfThere(first.temporary, dir);
  if (!isAsCreated(first)) return;
  unlink(basename(first.path), { dir });
  fsync(dir);
}

/** The text of no runtime file: no real one is empty. */
const NO_TEXT = "";

/** What stands for the runtime file of a VM that has none to be understood. */
export function emptyContent(path: string): RuntimeContent {
  const runtime = parseRuntime("[[], [], {}, []]", path);
  return { path, text: NO_TEXT, runtime };
}

/** Whether a content is {@linkcode emptyContent}. */
export function isEmptyContent({ text }: RuntimeContent): boolean {
  return text === NO_TEXT;
}
