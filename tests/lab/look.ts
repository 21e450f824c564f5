/**
 * What a test looks at before and after: files, taps and descriptors.
 *
 * @module
 */

import { type FileStatus, statPath } from "../../lib/sys/file.ts";

/** Every file below a directory: kind, owner, mode, times, content. */
export function inodes(path: string): string[] {
  const status = statPath(path, { followLinks: "no" });
  const { kind, mode, uid, gid, modifiedNs, inode } = status;
  const content = contentOf(path, status);
  const here = [
    path,
    kind,
    mode.toString(8),
    uid,
    gid,
    modifiedNs,
    inode,
    content,
  ].join(" ");
  const below = kind === "directory"
    ? [...Deno.readDirSync(path)].map(({ name }) => `${path}/${name}`).sort()
    : [];
  return [here, ...below.flatMap(inodes)];
}

/** The content of a file that is no disk. */
function contentOf(path: string, { kind, sizeBytes }: FileStatus): string {
  if (kind !== "file") return "";
  return sizeBytes < 65_536 ? Deno.readTextFileSync(path) : `${sizeBytes}`;
}

/** Files and their content; without our own lock and without times. */
export function files(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    if (name === "kvm-hotplug") return [];
    if (isDirectory) return [path, ...files(path)];
    const status = statPath(path, { followLinks: "no" });
    const { kind, mode, uid, gid } = status;
    const content = contentOf(path, status);
    return [`${path} ${kind} ${mode.toString(8)} ${uid} ${gid} ${content}`];
  }).sort();
}

/** A tap's name that no other process of the tests uses. */
export const TAP = `khp${Deno.pid}`;

/** Whether the kernel has the tap, and the taps this process holds. */
export function taps(): string[] {
  const held = [...Deno.readDirSync("/proc/self/fdinfo")].flatMap(({ name }) =>
    tapBehind(Number(name)) ?? []
  );
  const there = [...Deno.readDirSync("/sys/class/net")]
    .filter(({ name }) => name === TAP);
  return [...held, ...there.map(({ name }) => `/sys ${name}`)].sort();
}

/** The tap behind an fd of this process: drivers/net/tun.c. */
export function tapBehind(fd: number): string | undefined {
  try {
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
    return /^iff:\s*(\S+)$/m.exec(info)?.[1];
  } catch {
    return undefined;
  }
}

/** Deno's own, and the eventfds of waits, which come and go. */
const NOT_OURS = /^pipe:|\/deno\/|eventfd|eventpoll|\/\.cache\//;

/** What this process has open. */
export function fds(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return NOT_OURS.test(target) ? [] : [target];
    } catch {
      return [];
    }
  }).sort();
}
