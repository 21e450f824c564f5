/**
 * The disk images a QEMU has open, as the kernel shows them: /proc/PID/fd and
 * fdinfo.
 *
 * @module
 */

import { SysError } from "../sys/errno.ts";
import { type FileStatus, statPathWithin, TimeLimit } from "../sys/file.ts";
import { readText } from "../sys/regular_file.ts";
import { identityOf, isSilence } from "./identity.ts";
import { readIfThere } from "./look.ts";
import { type OpenFile, openFiles } from "./process.ts";

/**
 * QEMU locks bytes from 100 and 200 on of every image, and of no other file
 * (block/file-posix.c, RAW_LOCK_*). Log and pid files do not have such a lock.
 */
const IMAGE_LOCK = /^lock:.*OFDLCK.* (?:1\d\d|2\d\d) (?:1\d\d|2\d\d)$/m;

/** 512 bytes each, whatever sectors the device has: Documentation/ABI. */
const SYSFS_SECTOR = 512;

function deviceSize({ rdev }: FileStatus): number | undefined {
  const sectors = readIfThere(`/sys/dev/block/${rdev}/size`);
  return sectors === undefined ? undefined : Number(sectors) * SYSFS_SECTOR;
}

/**
 * The size of an open file, from the kernel's cache, without asking its file
 * system, which may hang; undefined if it has none.
 */
export function knownSize(status: FileStatus): number | undefined {
  if (status.kind === "block") return deviceSize(status);
  return status.kind === "file" ? status.sizeBytes : undefined;
}

/**
 * Longest wait for a file system that is asked for the size of a file, in
 * milliseconds.
 */
const SIZE_TIMEOUT_MS = 2_000;

async function fileSize(
  path: string,
  label: string,
): Promise<number | undefined> {
  using limit = new TimeLimit(SIZE_TIMEOUT_MS);
  try {
    return (await statPathWithin(path, { label, limit })).sizeBytes;
  } catch (error) {
    if (isSilence(error)) return undefined;
    throw error;
  }
}

/** A regular file or block device that QEMU has open as a disk image. */
export type OpenImage = Readonly<
  NonNullable<Awaited<ReturnType<typeof imageAt>>>
>;

async function imageAt({ pid, fd, status }: OpenFile) {
  const path = `/proc/${pid}/fd/${fd}`;
  const { kind } = status;
  if (kind !== "file" && kind !== "block") return undefined;
  const isLocked = IMAGE_LOCK.test(readText(`/proc/${pid}/fdinfo/${fd}`));
  if (kind === "file" && !isLocked) return undefined;
  const real = Deno.readLinkSync(path);
  const fds: readonly number[] = [fd];
  return {
    /** Identity of the inode or block device: {@linkcode identityOf}. */
    identity: identityOf(status),
    kind,
    /** The path by the kernel; useless if the file was removed. */
    path: real,
    /** Size of the whole device or file; undefined if it is unknown. */
    sizeBytes: kind === "file"
      ? await fileSize(path, real)
      : deviceSize(status),
    /** The process's fd numbers of it. */
    fds,
    /** Whether QEMU has a lock on it. */
    lock: isLocked ? "held" as const : undefined,
  };
}

/** The images that a process has open, each once. */
export async function openImages(pid: number): Promise<OpenImage[]> {
  const images = new Map<string, OpenImage>();
  for (const file of openFiles(pid)) {
    try {
      const image = await imageAt(file);
      if (image === undefined) continue;
      const { fds = [], lock = image.lock } = images.get(image.identity) ?? {};
      images.set(image.identity, {
        ...image,
        lock,
        fds: [...fds, ...image.fds],
      });
    } catch (error) {
      // It may be closed at the same time.
      const gone = error instanceof SysError ||
        error instanceof Deno.errors.NotFound;
      if (!gone) throw error;
    }
  }
  return [...images.values()];
}
