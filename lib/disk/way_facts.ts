/**
 * What the ways to a disk depend on besides the instance: how QEMU is
 * confined, and how far it gets by itself.
 *
 * @module
 */

import { inodeKey } from "../host/access_record.ts";
import { type Confinement, readConfinement } from "../host/confinement.ts";
import { canPassRoot, lookAsQemu, openRootOf } from "../host/reach.ts";
import type { Source } from "../host/source.ts";
import { unlessRefused } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { statFd } from "../sys/file.ts";
import { isNodev } from "../sys/mount.ts";
import type { QemuFacts } from "../plan/facts.ts";

/** QEMU's own root directory. */
export interface RootFacts {
  /** {@linkcode inodeKey} */
  readonly inode: string;
  readonly mode: number;
  /** Whether QEMU may pass through it. */
  readonly passable: boolean;
  /** Device nodes cannot be opened on its mount. */
  readonly nodev: boolean;
  /** Of all that lies in it. */
  readonly names: readonly string[];
}

/** A disk as QEMU would find it. */
export interface AccessFacts {
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** The path by which QEMU gets farthest. */
  readonly path: string;
  /** Why QEMU does not get to the file, undefined if it does. */
  readonly reach: string | undefined;
  /** Why QEMU cannot open it, undefined if it can. */
  readonly access: string | undefined;
  /** Owner of the source. */
  readonly uid: number;
  /** {@linkcode inodeKey} of the source. */
  readonly inode: string;
  /** The device the source names, `major:minor`. */
  readonly rdev: string;
  /** Undefined if QEMU has none of its own. */
  readonly root: RootFacts | undefined;
}

function readRoot(confinement: Confinement): RootFacts | undefined {
  if (confinement.jail === "none") return undefined;
  return unlessRefused(() => {
    using fd = openRootOf(confinement.pid);
    const status = statFd(fd);
    return {
      inode: inodeKey(status),
      mode: status.mode,
      passable: canPassRoot(confinement),
      nodev: isNodev(fd),
      names: [...Deno.readDirSync(`/proc/${confinement.pid}/root`)]
        .map(({ name }) => name),
    };
  });
}

function farthest(
  confinement: Confinement | undefined,
  { path, resolved, identity }: Source,
  access: "rw" | "ro",
): Pick<AccessFacts, "path" | "reach" | "access"> {
  const unknown = "QEMU's process is unknown";
  if (confinement === undefined) {
    return { path, reach: unknown, access: unknown };
  }
  const look = (path: string) => ({
    path,
    ...lookAsQemu(confinement, { path, identity, access }),
  });
  const asGiven = look(path);
  if (asGiven.access === undefined || resolved === path) return asGiven;
  const asResolved = look(resolved);
  // A link of ours need not be there in QEMU's root, or lead elsewhere.
  const better = asResolved.access === undefined ||
    (asGiven.reach !== undefined && asResolved.reach === undefined);
  return better ? asResolved : asGiven;
}

/**
 * Asks how QEMU gets at a source by itself.
 *
 * @param pinned an O_PATH fd of the source; stays the caller's
 */
export function readAccessFacts(
  { process }: QemuFacts,
  source: Source,
  { pinned, access }: { readonly pinned: Fd; readonly access: "rw" | "ro" },
): AccessFacts {
  const confinement = process && readConfinement(process);
  // It was looked at a moment ago.
  const status = statFd(pinned, { sync: "no" });
  return {
    confinement,
    ...farthest(confinement, source, access),
    uid: status.uid,
    inode: inodeKey(status),
    rdev: status.rdev,
    root: confinement && readRoot(confinement),
  };
}
