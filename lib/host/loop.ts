/**
 * Loop devices: a loop device and its file are the same data under two names. A
 * mount or a lock of one does not show at the other.
 *
 * @module
 */

import { SysError } from "../sys/errno.ts";
import { openFileWithin, statFd, TimeLimit } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { fileBehindLoop } from "../sys/loop_device.ts";
import { identityOf, isSilence } from "./identity.ts";
import { readIfThere } from "./look.ts";

/** A loop device that has a file. */
type Loop = Readonly<NonNullable<Awaited<ReturnType<typeof readLoop>>>>;

/**
 * Longest look at one loop device, in milliseconds: its file may be on a dead
 * NFS server.
 */
const LOOK_MS = 500;

async function readLoop(name: string) {
  const file = readIfThere(`/sys/block/${name}/loop/backing_file`);
  if (file === undefined) return undefined;
  using limit = new TimeLimit(LOOK_MS);
  const path = `/dev/${name}`;
  try {
    await using fd = await openFileWithin(path, O.RDONLY | O.NONBLOCK, {
      limit,
    });
    return {
      /** `/dev/loop0` */
      path,
      /** {@linkcode identityOf} */
      identity: identityOf(statFd(fd)),
      access: readIfThere(`/sys/block/${name}/ro`)?.trim() === "1"
        ? "ro"
        : "rw",
      /** The kernel's name; another mount namespace has other names. */
      file: file.trimEnd(),
      /** {@linkcode identityOf} */
      fileIdentity: identityOf(await fileBehindLoop(fd, limit)),
    };
  } catch (error) {
    // It may have lost its file; and a device that does not answer cannot be a
    // source, either.
    if (error instanceof SysError || isSilence(error)) return undefined;
    throw error;
  }
}

/**
 * The names of loop devices that have a size: with a file, and maybe more. The
 * others are not among them (show_partition of block/genhd.c); a node has
 * eight of them, and may have hundreds.
 */
function loopsInUse(): string[] {
  const text = readIfThere("/proc/partitions") ?? "";
  return [...text.matchAll(/ (loop\d+)$/gm)].map(([, name = ""]) => name);
}

/** Another name of the same data. */
export type Alias = Pick<Loop, "path" | "identity">;

/**
 * The other names of a file or block device, through loop devices.
 *
 * @param access whether we will write: if not, devices that only read are left
 * out
 */
export async function aliasesOf(
  identity: string,
  access: "rw" | "ro",
): Promise<Alias[]> {
  const loops: Loop[] = [];
  for (const name of loopsInUse()) {
    const loop = await readLoop(name);
    if (loop !== undefined) loops.push(loop);
  }
  const found = new Map<string, Alias>();
  const add = (alias: Alias) => found.set(alias.identity, alias);
  add({ path: "", identity });
  for (const { identity: known } of found.values()) {
    for (const loop of loops) {
      const { path, file, fileIdentity } = loop;
      if (known === loop.identity && !found.has(fileIdentity)) {
        add({ path: file, identity: fileIdentity });
      }
      const isMeant = access === "rw" || loop.access === "rw";
      if (known === fileIdentity && isMeant && !found.has(loop.identity)) {
        add({ path, identity: loop.identity });
      }
    }
  }
  return [...found.values()].slice(1);
}
