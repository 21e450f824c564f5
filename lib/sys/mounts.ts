/**
 * The mounts of this process, without asking any of them: mountinfo(5).
 *
 * @module
 */

import type { Fd } from "./fd.ts";
import { readAll } from "./file_data.ts";
import { openFile } from "./file_open.ts";
import { O } from "./layout.ts";

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

/** A file of /proc as text. */
function readProc(path: string): string {
  using file = openFile(path, O.RDONLY);
  return new TextDecoder().decode(readAll(file, Infinity));
}

/**
 * The type of the file system of an open file, e.g. `ext4`; undefined if it is
 * not one of our mounts.
 */
export function fileSystemOf(fd: Fd): string | undefined {
  const info = readProc(`/proc/self/fdinfo/${fd.number}`);
  const id = /^mnt_id:\s*(\d+)$/m.exec(info)?.[1];
  // All lines are searched and one is read: there may be hundreds.
  const text = `\n${readProc("/proc/self/mountinfo")}`;
  const start = text.indexOf(`\n${id} `) + 1;
  if (start === 0) return undefined;
  return readMount(text.slice(start, text.indexOf("\n", start))).type;
}
