/**
 * A path as another process sees it: below its root, through its mounts.
 *
 * @module
 */

import { dirname, isAbsolute, join } from "@std/path/posix";
import { identityAt } from "./identity.ts";

/** As many links as the kernel follows: MAXSYMLINKS of linux/namei.h. */
const MAX_LINKS = 40;

/** Where a path leads for a process. */
export interface SeenPath {
  /** Undefined if it leads nowhere. */
  readonly identity: string | undefined;
  /**
   * When the youngest link on the way was changed last, in milliseconds since
   * 1970; 0 if there is none. A link that is older than the process has always
   * led it to the same place.
   */
  readonly linkChangedMs: number;
}

interface Link {
  readonly target: string;
  readonly changedMs: number;
}

function linkAt(path: string): Link | undefined {
  const info = Deno.lstatSync(path);
  if (!info.isSymlink) return undefined;
  // Also a link that was renamed has changed.
  const changedMs = Math.max(
    info.ctime?.getTime() ?? Infinity,
    info.mtime?.getTime() ?? Infinity,
  );
  return { target: Deno.readLinkSync(path), changedMs };
}

/** Follows one link at a time; the process's root stays the root. */
function follow(root: string, path: string): SeenPath {
  let [done, todo, linkChangedMs] = ["/", path.split("/"), 0];
  for (let links = 0; todo.length > 0;) {
    const [part = "", ...rest] = todo;
    todo = rest;
    const next = join(done, part);
    const link = part === "" ? undefined : linkAt(root + next);
    if (link === undefined) {
      done = next;
      continue;
    }
    if (++links > MAX_LINKS) return { identity: undefined, linkChangedMs };
    linkChangedMs = Math.max(linkChangedMs, link.changedMs);
    todo = [...link.target.split("/"), ...todo];
    done = isAbsolute(link.target) ? "/" : dirname(next);
  }
  return { identity: identityAt(root + done), linkChangedMs };
}

/** Where an absolute path leads for a process. */
export function seenBy(pid: number, path: string): SeenPath {
  try {
    return follow(`/proc/${pid}/root`, path);
  } catch {
    // Missing, no directory, or the process has ended.
    return { identity: undefined, linkChangedMs: 0 };
  }
}

/** Clock ticks of /proc in a second, on every architecture: USER_HZ. */
const TICKS = 100;

/**
 * When a process was started, in milliseconds since 1970.
 *
 * @param startTicks field 22 of /proc/PID/stat
 */
export function startedAtMs(startTicks: number): number {
  const [uptime = "0"] = Deno.readTextFileSync("/proc/uptime").split(" ");
  return Date.now() - (Number(uptime) - startTicks / TICKS) * 1000;
}
