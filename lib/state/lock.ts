/**
 * Allows one kvm-hotplug at a time on an instance; opens the directory of our
 * own files: INTERFACE, "Safety".
 *
 * @module
 */

import { dirname, join } from "@std/path/posix";
import {
  HotplugError,
  isDenied,
  messageOf,
  passShortage,
  permissionDenied,
  refuse,
} from "../errors.ts";
import { SysError, unlessRefused } from "../sys/errno.ts";
import { pause } from "../sys/pause.ts";
import type { Fd } from "../sys/fd.ts";
import {
  flock,
  ftruncate,
  mkdir,
  openFile,
  readAll,
  statFd,
  writeAll,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { type InstancePaths, OWN_DIRECTORY } from "./instance.ts";
import type { WaitListener } from "./waiting.ts";

/** Pause between two tries to take a lock, in milliseconds. */
const RETRY_MS = 25;
const TRIES_A_SECOND = 1000 / RETRY_MS;

function openOwn(path: string): Fd {
  try {
    return openFile(path, O.RDONLY | O.DIRECTORY | O.NOFOLLOW);
  } catch (error) {
    if (error instanceof SysError && error.code === "ENOENT") throw error;
    passShortage(error);
    if (isDenied(error)) throw permissionDenied(messageOf(error), error);
    throw refuse(`Cannot open ${path}: ${messageOf(error)}`);
  }
}

function makeFolder(path: string, mode: number) {
  try {
    mkdir(path, mode);
  } catch (error) {
    if (error instanceof SysError && error.code === "EEXIST") return;
    passShortage(error);
    throw refuse(`Cannot make ${path}: ${messageOf(error)}`);
  }
}

function makeOwn(path: string): Fd {
  try {
    return openOwn(path);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
  }
  expectRoot();
  // A node without Ganeti has no run directory; --qmp and --state work there.
  makeFolder(dirname(path), 0o755);
  makeFolder(path, 0o700);
  return openOwn(path);
}

/**
 * Opens the directory of our own files, and makes it if it is missing.
 *
 * Ganeti's daemons may write to Ganeti's run directory. Therefore this
 * directory must belong to root alone, or it is refused; its owner and mode are
 * never changed.
 *
 * @returns an fd the caller owns
 * @throws {HotplugError} `refused`
 */
export function openOwnDirectory(runDir: string): Fd {
  const path = join(runDir, OWN_DIRECTORY);
  return checkOwn(makeOwn(path), path);
}

/**
 * As {@linkcode openOwnDirectory}, for a question, which makes nothing.
 *
 * @returns undefined if there is no such directory
 * @throws {HotplugError} `refused`
 */
export function openOwnDirectoryIfThere(runDir: string): Fd | undefined {
  const path = join(runDir, OWN_DIRECTORY);
  return unlessRefused(() => checkOwn(openOwn(path), path));
}

/**
 * Files made by another user would be refused, and their folder would stay.
 *
 * @throws {HotplugError} `permission-denied`
 */
export function expectRoot(): void {
  if (Deno.uid() === 0) return;
  throw permissionDenied("Cannot change an instance");
}

/** Takes over the fd. */
function checkOwn(fd: Fd, path: string): Fd {
  const { uid, mode } = statFd(fd);
  if (uid === 0 && mode === 0o700) return fd;
  fd.close();
  throw refuse(
    `${path} must belong to root and have mode 0700: it belongs to uid ${uid} and has mode 0${
      mode.toString(8)
    }`,
    "find out which program made it; remove it if no program needs it",
  );
}

function openLock(directory: Fd, name: string): Fd {
  const flags = O.RDWR | O.CREAT | O.NOFOLLOW | O.NONBLOCK;
  let fd: Fd;
  try {
    fd = openFile(name, flags, { dir: directory, mode: 0o600 });
  } catch (error) {
    passShortage(error);
    throw refuse(`Cannot open lock file ${name}: ${messageOf(error)}`);
  }
  const { kind, uid, mode } = statFd(fd);
  if (kind === "file" && uid === 0 && mode === 0o600) return fd;
  fd.close();
  throw refuse(`Lock file ${name} must be a file of root with mode 0600`);
}

/** The text of the holder in the lock file: "pid 123 (disk add)". */
function holderOf(lock: Fd): string {
  try {
    const text = new TextDecoder().decode(readAll(lock, 4096));
    const holder = JSON.parse(text);
    return `pid ${Number(holder.pid)} (${String(holder.command)})`;
  } catch {
    return "another process";
  }
}

/** Reports the wait to the person at the terminal. */
function tell(
  lock: Fd,
  { waiting, lockTimeoutMs }: LockOptions,
  deadline: number,
): void {
  waiting?.({
    what: `${holderOf(lock)} works on the instance`,
    sinceMs: performance.now() - (deadline - lockTimeoutMs),
    limitMs: lockTimeoutMs,
    end: "gives up",
  });
}

/** The limits of a wait for the lock. */
export interface LockOptions {
  /** Longest wait, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Our own command, for others that wait for us. */
  readonly command: string;
  /** Ends the wait at once, with `busy`. */
  readonly signal?: AbortSignal | undefined;
  /** Called about every second of the wait. */
  readonly waiting?: WaitListener | undefined;
}

/**
 * Locks an instance until the returned fd is closed, by the caller or by the
 * kernel at our end. The file stays: without it, two processes could hold the
 * lock.
 *
 * @throws {HotplugError} `busy` after the time-out, naming the holder
 */
export async function lockInstance(
  { runDir, lockKey, name }: InstancePaths,
  options: LockOptions,
): Promise<Fd> {
  const { lockTimeoutMs, command, signal } = options;
  expectRoot();
  using directory = openOwnDirectory(runDir);
  const fd = openLock(directory, `${lockKey}.lock`);
  const deadline = performance.now() + lockTimeoutMs;
  for (let tries = 1; !flock(fd, "exclusive"); tries++) {
    if (performance.now() < deadline && !signal?.aborted) {
      if (tries % TRIES_A_SECOND === 0) tell(fd, options, deadline);
      await pause(RETRY_MS);
      continue;
    }
    const holder = holderOf(fd);
    fd.close();
    throw new HotplugError(
      "busy",
      `Another kvm-hotplug works on ${name}: ${holder}`,
      { hint: "try again later, or wait longer with --lock-timeout" },
    );
  }
  const note = JSON.stringify({ pid: Deno.pid, command }) + "\n";
  try {
    ftruncate(fd, 0);
    writeAll(fd, new TextEncoder().encode(note));
  } catch {
    // The lock works without the note; a full disk is reported by a later
    // write.
  }
  return fd;
}
