/**
 * The lines that a person typed, kept in a file for the next shell:
 * `kvm-hotplug/shell_history` in `$XDG_STATE_HOME` (XDG Base Directory
 * Specification), by default `~/.local/state`.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "@std/path/posix";
import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { fchmod, openFile, readAll, statFd, writeAll } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { maskSecrets } from "../words/secrets.ts";

/** Lines of the history in one shell. */
export const MAX_LINES = 1000;
/** A longer file is cut to its last lines, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** The path of the history; undefined without a home. */
export function historyPath(
  env: (name: string) => string | undefined,
): string | undefined {
  const state = env("XDG_STATE_HOME") ?? "";
  const home = env("HOME") ?? "";
  // The specification says that a path that is not absolute is invalid.
  const base = isAbsolute(state)
    ? state
    : isAbsolute(home)
    ? join(home, ".local", "state")
    : undefined;
  return base && join(base, "kvm-hotplug", "shell_history");
}

/** Opens a regular file of our own user; any other file is left alone. */
function openOwn(path: string, flags: number): Fd {
  const fd = openFile(path, flags | O.NOFOLLOW | O.NONBLOCK, { mode: 0o600 });
  try {
    const { kind, uid, mode } = statFd(fd);
    if (kind !== "file" || uid !== Deno.uid()) {
      throw new SysError("EPERM", { syscall: "open", subject: path });
    }
    if (mode !== 0o600) fchmod(fd, 0o600);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function linesIn(bytes: Uint8Array): string[] {
  const text = new TextDecoder().decode(bytes);
  return text.split("\n").filter((line) => line !== "").slice(-MAX_LINES);
}

function bytesOf(lines: readonly string[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
}

/**
 * Puts a shorter file in place of a long one; another shell may write to it.
 */
function shorten(path: string, lines: readonly string[]): void {
  const other = `${path}.${Deno.pid}`;
  {
    using fd = openOwn(other, O.WRONLY | O.CREAT | O.EXCL);
    writeAll(fd, bytesOf(lines));
  }
  Deno.renameSync(other, path);
}

/**
 * The kept lines, oldest first; none if they cannot be read: a shell works
 * without them.
 */
export function readHistory(path: string): string[] {
  try {
    using fd = openOwn(path, O.RDONLY);
    const { sizeBytes } = statFd(fd);
    // Too large for typed lines: this file is something else.
    const lines = linesIn(readAll(fd, 64 * MAX_BYTES));
    if (sizeBytes > MAX_BYTES) shorten(path, lines);
    return lines;
  } catch {
    return [];
  }
}

/** Commands of HMP that take a secret, or may contain one. */
const OF_SECRETS = /\b(?:set_password|change|object_add|drive_add)\b/;

/**
 * Whether a line may be kept: no line with a secret, and no line that begins
 * with a blank, as in other shells.
 */
export function isKept(line: string): boolean {
  return /^[^\s\p{Cc}][^\p{Cc}]*$/u.test(line) && !OF_SECRETS.test(line) &&
    maskSecrets(line) === line;
}

/** Keeps a line. Two shells may do so at once: each line is one write. */
export function keepLine(path: string, line: string): void {
  if (!isKept(line)) return;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    using fd = openOwn(path, O.WRONLY | O.APPEND | O.CREAT);
    writeAll(fd, bytesOf([line]));
  } catch {
    // A full disk, a read-only home: the shell goes on.
  }
}
