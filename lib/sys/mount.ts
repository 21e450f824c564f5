/**
 * Mounts: a bind mount of one file, and a restriction of a mount.
 *
 * @module
 */

import { checked } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { procPath } from "./file_open.ts";
import { cString } from "./layout.ts";
import { libc } from "./libc.ts";

/** linux/mount.h. */
const MS_BIND = 4096n;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** `f_flags` of struct statfs, of the same layout on x86_64 and aarch64. */
const STATFS = { size: 120, flags: 80 } as const;
/** linux/statfs.h: device nodes cannot be opened. */
const ST_NODEV = 4n;

/**
 * Puts one file in the place of another: mount --bind.
 *
 * @param from The file that will be seen there. Both may be opened with O_PATH.
 * @throws {SysError} If the kernel refuses.
 */
export function bindMount(from: Fd, onto: Fd): void {
  const [source, target] = [cString(procPath(from)), cString(procPath(onto))];
  // SAFETY: both paths end with a NUL and outlive the synchronous call; the
  // kernel reads neither type nor data of a bind mount; the result is
  // checked by checked().
  const call = () => libc.mount(source, target, null, MS_BIND, null);
  checked("mount", `${from.label} on ${onto.label}`, call);
}

/**
 * Removes a mount; a process that has the file open keeps it. Follows no link.
 *
 * @param name In `dir`, which may be opened with O_PATH.
 * @throws {SysError} `EINVAL` if nothing is mounted there.
 */
export function unmount(dir: Fd, name: string): void {
  const path = cString(`${procPath(dir)}/${name}`);
  const flags = MNT_DETACH | UMOUNT_NOFOLLOW;
  // SAFETY: `path` ends with a NUL and outlives the synchronous call; the
  // result is checked by checked().
  checked("umount", `${dir.label}/${name}`, () => libc.umount2(path, flags));
}

/**
 * Whether device nodes cannot be opened on the mount of an open file.
 *
 * @throws {SysError} If the kernel refuses.
 */
export function isNodev(fd: Fd): boolean {
  const status = new DataView(new ArrayBuffer(STATFS.size));
  // SAFETY: `status` has the size of struct statfs and outlives the
  // synchronous call; the result is checked by checked().
  checked("statfs", fd, () => libc.fstatfs(fd.number, status));
  return (status.getBigUint64(STATFS.flags, true) & ST_NODEV) !== 0n;
}
