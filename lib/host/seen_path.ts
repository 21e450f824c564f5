/**
 * A path in the view of another process: below its root, through its mounts.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { dirname, isAbsolute, join } from "@std/path/posix";
import { identityAt, leadOf } from "./identity.ts";

/** As many links as the kernel follows: MAXSYMLINKS of linux/namei.h. */
const MAX_LINKS = 40;

/** The target of a path for a process. */
export interface SeenPath {
  /** Undefined if there is none. */
  readonly identity: string | undefined;
  /**
   * The earliest time at which the path can have begun to lead there, in
   * milliseconds since 1970: the last change of a link on the way, of a
   * directory with such a link or of the directory with the file. A directory
   * changes also when it is renamed itself. Directories above are not checked,
   * because other files in them change too often.
   *
   * @default Infinity if it leads nowhere
   */
  readonly changedMs: number;
}

interface Link {
  readonly target: string;
  readonly changedMs: number;
}

/** Both: mtime can be set back, and not every file system keeps ctime. */
function changedAt({ ctime, mtime }: Deno.FileInfo): number {
  return Math.max(ctime?.getTime() ?? Infinity, mtime?.getTime() ?? Infinity);
}

/** A name is made, renamed or removed only by changing its directory. */
function namedAt(path: string): number {
  return changedAt(Deno.lstatSync(dirname(path)));
}

function linkAt(path: string): Link | undefined {
  const info = Deno.lstatSync(path);
  if (!info.isSymlink) return undefined;
  // A link that was renamed has changed, too.
  const changedMs = Math.max(changedAt(info), namedAt(path));
  return { target: Deno.readLinkSync(path), changedMs };
}

const NOWHERE: SeenPath = { identity: undefined, changedMs: Infinity };

/** Follows one link at a time; the process's root stays the root. */
async function follow(root: string, path: string): Promise<SeenPath> {
  let [done, todo, changedMs] = ["/", path.split("/"), 0];
  for (let links = 0; todo.length > 0;) {
    const [part = "", ...rest] = todo;
    todo = rest;
    const next = join(done, part);
    const link = part === "" ? undefined : linkAt(root + next);
    if (link === undefined) {
      done = next;
      continue;
    }
    if (++links > MAX_LINKS) return NOWHERE;
    changedMs = Math.max(changedMs, link.changedMs);
    todo = [...link.target.split("/"), ...todo];
    done = isAbsolute(link.target) ? "/" : dirname(next);
  }
  return {
    identity: await identityAt(root + done),
    changedMs: Math.max(changedMs, namedAt(root + done)),
  };
}

/**
 * The target of an absolute path for a process; none if the file there does not
 * answer. A thread walks the path first, because each link is read on the main
 * thread.
 */
export async function seenBy(pid: number, path: string): Promise<SeenPath> {
  const root = `/proc/${pid}/root`;
  try {
    if ((await leadOf(root + path)).fault !== undefined) return NOWHERE;
    return await follow(root, path);
  } catch (error) {
    passShortage(error);
    // Missing, not a directory, or the process has ended.
    return NOWHERE;
  }
}

/** Clock ticks of /proc in a second, on every architecture: USER_HZ. */
const TICKS = 100;

/**
 * The start time of a process, in milliseconds since 1970.
 *
 * @param startTicks field 22 of /proc/PID/stat
 */
export function startedAtMs(startTicks: number): number {
  const [uptime = "0"] = Deno.readTextFileSync("/proc/uptime").split(" ");
  return Date.now() - (Number(uptime) - startTicks / TICKS) * 1000;
}
