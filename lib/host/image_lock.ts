/**
 * Who uses a disk image, by QEMU's locks on it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { isRangeLocked, statFd, type TimeLimit } from "../sys/file.ts";
import { identityOf } from "./identity.ts";
import { holds, programOf } from "./process.ts";

/** Names the first process that has this file open, undefined if none shows. */
function holderOf(identity: string): string | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isSafeInteger(pid) || pid === Deno.pid) continue;
    if (!holds(pid, identity)) continue;
    return `${programOf(pid)} (pid ${pid})`;
  }
  return undefined;
}

/**
 * Bytes on which QEMU locks an image (block/file-posix.c, RAW_LOCK_*): from
 * 100 what it uses (101 writing, 103 resizing), from 200 what it lets nobody
 * else do (201 writing).
 */
const LOCKED_IF_WRITTEN = [101, 103];
const LOCKED_AGAINST_WRITING = [201];

/**
 * Who has an image open in a way that does not go with ours.
 *
 * @param options.access Whether we are to write.
 * @returns Undefined if nobody has.
 * @throws {DeadlineError} | {SysError} | {HotplugError} `busy`
 */
export async function userOf(
  fd: Fd,
  { access, limit }: {
    readonly access: "rw" | "ro";
    readonly limit: TimeLimit;
  },
): Promise<string | undefined> {
  const bytes = access === "rw"
    ? [...LOCKED_IF_WRITTEN, ...LOCKED_AGAINST_WRITING]
    : LOCKED_IF_WRITTEN;
  for (const start of bytes) {
    if (!await isRangeLocked(fd, { start, length: 1 }, limit)) continue;
    const identity = identityOf(statFd(fd, { sync: "no" }));
    return holderOf(identity) ?? "another program";
  }
  return undefined;
}
