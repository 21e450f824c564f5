/**
 * The mounts of this process, without asking any of them: mountinfo(5).
 *
 * @module
 */

import type { Fd } from "./fd.ts";

/** One mount. */
export type Mount = Readonly<ReturnType<typeof readMount>>;

/** A line of mountinfo(5). */
function readMount(line: string) {
  const [fields = "", source = ""] = line.split(" - ");
  const [id = "", , , , point = ""] = fields.split(" ");
  return {
    /** As in `mnt_id` of /proc/PID/fdinfo. */
    id,
    /** Absolute path of its root. */
    point: point.replaceAll(
      /\\(\d{3})/g,
      (_, octal) => String.fromCharCode(parseInt(octal, 8)),
    ),
    /** Type of its file system, e.g. `ext4`, `fuse.sshfs`. */
    type: source.split(" ")[0] ?? "",
  };
}

/** All mounts; of those on one point the last one is seen. */
export function readMounts(): Mount[] {
  const text = Deno.readTextFileSync("/proc/self/mountinfo");
  return text.trim().split("\n").map(readMount);
}

/** The mount of a path, by its name alone: links are not followed. */
export function mountOf(
  path: string,
  mounts: readonly Mount[],
): Mount | undefined {
  const above = mounts.filter(({ point }) =>
    path === point || path.startsWith(point === "/" ? "/" : `${point}/`)
  );
  return above.reduce<Mount | undefined>(
    (best, one) => one.point.length >= (best?.point.length ?? 0) ? one : best,
    undefined,
  );
}

/** The mount of an open file; undefined if it is not one of ours. */
export function mountOfFd(
  fd: Fd,
  mounts: readonly Mount[],
): Mount | undefined {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  return mounts.find((one) => one.id === id);
}
