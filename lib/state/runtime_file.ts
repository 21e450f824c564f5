/**
 * The runtime file on disk: read without trust, replaced atomically.
 *
 * The new content is written and synced beside the old one before QEMU is asked
 * for anything (*staged*), so that a full disk is noticed before anything has
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
  type FileOwner,
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

/** The content of a runtime file at the time of the read. */
export interface RuntimeContent {
  /** The path of the file; not a link. */
  readonly path: string;
  /** To the letter; shows whether the file changed meanwhile. */
  readonly text: string;
  readonly runtime: Runtime;
}

/** The same content without its meaning. */
interface RuntimeText extends Omit<RuntimeContent, "runtime"> {
  /** Its replacement gets the same owner and mode. */
  readonly status: FileStatus;
}

/** What a change was staged as. */
export interface Basis {
  /** The text that the change was applied to. */
  readonly before: string;
  /** The staged content. */
  readonly after: string;
}

/** A staged change of a runtime file. */
export interface StagedChange {
  readonly path: string;
  /** Name of the new content's file, in the same directory. */
  readonly temporary: string;
  /** It is made again at commit if the file changed meanwhile. */
  readonly change: RuntimeChange;
}

function badFile(path: string, why: string, cause?: unknown): HotplugError {
  return new HotplugError(
    "bad-state-file",
    `Cannot read runtime file ${path}: ${why}`,
    { cause },
  );
}

/** Errors of a path without a file. */
const MISSING = ["ENOENT", "ENOTDIR"];
const NOWHERE = [...MISSING, "ENAMETOOLONG"];

/** Whether there is a file, of any content. */
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

/**
 * The last file that was understood: a change reads the same text more than
 * once.
 */
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

/** Removes a file; a missing file is fine. */
export function removeIfThere(name: string, dir?: Fd) {
  unlessRefused(() => {
    // On a read-only file system unlink() says EROFS before ENOENT.
    if (statIfThere(name, { dir, followLinks: "no" })) unlink(name, { dir });
  }, ...MISSING);
}

/**
 * Writes and syncs a file beside another one, and replaces a leftover.
 *
 * @param options.like the source of owner and mode. @default root, 0600
 * @throws {SysError} nothing is left behind
 */
export function writeBeside(
  name: string,
  text: string,
  { dir, like }: { readonly dir: Fd; readonly like?: FileOwner },
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

function writeTemporary(
  dir: Fd,
  staged: StagedChange,
  before: RuntimeText,
): Basis {
  const { text, status } = before;
  const { root } = understandRuntime(before).runtime;
  // No match: /\s*$/ would search for the end from each of a million blanks.
  const tail = text.slice(text.trimEnd().length);
  const after = formatRuntime(applyChange(root, staged.change), tail);
  writeBeside(staged.temporary, after, { dir, like: status });
  return { before: text, after };
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
 * @throws {HotplugError} `state-write-failed`; nothing is left behind
 */
export function stageRuntime(staged: StagedChange): Basis {
  try {
    const before = expectRuntimeText(staged.path);
    using dir = openDirectory(staged.path);
    return writeTemporary(dir, staged, before);
  } catch (error) {
    throw writeFailed(staged.path, error);
  }
}

/** Number of tries to make a change while another program writes. */
const MAX_TRIES = 16;

/**
 * A file's text; undefined if it cannot be read: then it is not the text that
 * we wrote or read.
 */
function textOf(path: string): string | undefined {
  return orNone(() => readRuntimeText(path)?.text, isFailure);
}

/**
 * Puts the staged content in the runtime file's place and syncs the directory.
 * Ganeti's noded does not take our lock. While the file differs from the basis
 * of the staged content, the change is made again on the new content.
 *
 * @param basis the result of {@linkcode stageRuntime}
 * @throws {HotplugError} `state-write-failed`, also if the file changed each
 * time; then the staged content is old
 */
export function commitRuntime(staged: StagedChange, basis: Basis): void {
  try {
    const { path, temporary: from } = staged;
    using dir = openDirectory(path);
    const beside = (name: string) => textOf(join(dirname(path), name));
    const names = { dir, from, to: basename(path), textOf: beside };
    let { before: was, after: put } = basis;
    for (let tries = 0;; tries++) {
      const now = expectRuntimeText(path);
      if (now.text === was && replaceFile({ ...names, was, put })) break;
      if (tries === MAX_TRIES) {
        throw new Error("another program keeps writing it");
      }
      // This includes a sync: noded may write again meanwhile.
      ({ before: was, after: put } = writeTemporary(dir, staged, now));
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

/** Whether a readable file has a change. */
function hasChange({ text, path }: RuntimeText, change: RuntimeChange) {
  return holdsChange(parseRuntime(text, path), change);
}

/**
 * Removes the staged content of a killed call if its change is in the runtime
 * file. If that call had just exchanged out content that another program wrote
 * within these microseconds, that content is newer: the change is made on it.
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
    // It may have been cut off at any place.
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
  /** The whole text. */
  readonly text: string;
}

function makeFirst({ path, temporary, text }: FirstRuntime, dir: Fd) {
  writeBeside(temporary, text, { dir });
  try {
    // The lock keeps other calls out, and Ganeti does not know this VM.
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

/** Whether the file still has the content with which it was made. */
export function isAsCreated({ path, text }: FirstRuntime): boolean {
  return readRuntimeFile(path)?.text === text;
}

/** Removes the file again; a file that was changed since stays. */
export function removeCreated(first: FirstRuntime): void {
  using dir = openDirectory(first.path);
  removeIfThere(first.temporary, dir);
  if (!isAsCreated(first)) return;
  unlink(basename(first.path), { dir });
  fsync(dir);
}

/** No runtime file has this text: a real one is never empty. */
const NO_TEXT = "";

/** The content for a VM without a usable runtime file. */
export function emptyContent(path: string): RuntimeContent {
  const runtime = parseRuntime("[[], [], {}, []]", path);
  return { path, text: NO_TEXT, runtime };
}

/** Whether a content is {@linkcode emptyContent}. */
export function isEmptyContent({ text }: RuntimeContent): boolean {
  return text === NO_TEXT;
}
