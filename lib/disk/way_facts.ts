/**
 * Facts for the ways to a disk, beside the instance: how QEMU is confined, and
 * what it can reach by itself, on this node or over the network.
 *
 * @module
 */

import { uriNeeds } from "../device/uri_object.ts";
import { inodeKey } from "../host/access_record.ts";
import {
  type Confinement,
  confinementText,
  readConfinement,
} from "../host/confinement.ts";
import { readIfThere } from "../host/look.ts";
import type { QemuProcess } from "../host/process.ts";
import {
  canPassRoot,
  lookAsQemu,
  openRootOf,
  seesAsQemu,
} from "../host/reach.ts";
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
  /** Names of all its files. */
  readonly names: readonly string[];
}

/** A disk in QEMU's view. */
export type AccessFacts = Readonly<ReturnType<typeof readAccessFacts>>;

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
): ReturnType<typeof lookAsQemu> & { readonly path: string } {
  if (confinement === undefined) {
    const unknown = "QEMU's process is unknown";
    return { path, reachFault: unknown, openFault: unknown };
  }
  const look = (path: string) => ({
    path,
    ...lookAsQemu(confinement, { path, identity, access }),
  });
  const asGiven = look(path);
  if (asGiven.openFault === undefined || resolved === path) return asGiven;
  const asResolved = look(resolved);
  // A link of this node may be missing in QEMU's root, or lead to another file.
  const better = asResolved.openFault === undefined ||
    (asGiven.reachFault !== undefined && asResolved.reachFault === undefined);
  return better ? asResolved : asGiven;
}

/**
 * Asks how QEMU can open a source by itself.
 *
 * @param pinned an O_PATH fd of the source; stays the caller's
 */
export function readAccessFacts(
  { process }: QemuFacts,
  source: Source,
  { pinned, access }: { readonly pinned: Fd; readonly access: "rw" | "ro" },
) {
  const confinement = process && readConfinement(process);
  // It was checked a moment ago.
  const status = statFd(pinned, { sync: "no" });
  return {
    /** Undefined if QEMU's process is unknown. */
    confinement,
    // The path by which QEMU gets farthest; why it does not reach the file, or
    // cannot open it: undefined if it does, or can.
    ...farthest(confinement, source, access),
    uid: status.uid,
    /** {@linkcode inodeKey} of the source. */
    inode: inodeKey(status),
    /** The device the source names, `major:minor`. */
    rdev: status.rdev,
    /** Undefined if QEMU has no root of its own. */
    root: confinement && readRoot(confinement),
  };
}

/** Whether QEMU has a module loaded, or built in: proc_pid_maps(5). */
function isLoaded(pid: number, module: string): boolean {
  const library = module === "gluster" ? "gfapi" : module;
  const maps = readIfThere(`/proc/${pid}/maps`);
  // It has ended, and this will be noticed soon.
  if (maps === undefined) return true;
  return maps.includes(`/block-${module}.so`) ||
    maps.includes(`/lib${library}.so`);
}

/** The files that a chroot hides from QEMU. */
function hidden(
  { pid, jail, root }: Confinement,
  { names, module }: ReturnType<typeof uriNeeds>,
): string | undefined {
  if (jail === "none") return undefined;
  if (module !== undefined && !isLoaded(pid, module)) {
    return `it loads its ${module} module on demand, which is not possible in its root directory ${root}`;
  }
  const [name] = names;
  return name === undefined
    ? undefined
    : `it cannot resolve ${name} in its root directory ${root}: use an IP address instead of the name`;
}

/**
 * Why QEMU cannot reach a disk by its URI.
 *
 * @returns undefined if no obstacle is known
 */
export function uriFault(
  uri: string,
  process: QemuProcess | undefined,
): string | undefined {
  const confinement = process && readConfinement(process);
  if (confinement === undefined) return undefined;
  const needs = uriNeeds(uri);
  const who = `QEMU (${confinementText(confinement)}) cannot reach the disk`;
  const first = hidden(confinement, needs);
  if (first !== undefined) return `${who}: ${first}`;
  const wanted = [
    ...needs.files.map((path) => ({ path, access: "ro" as const })),
    ...needs.sockets.map((path) => ({ path, access: "rw" as const })),
  ];
  for (const one of wanted) {
    const fault = seesAsQemu(confinement, one);
    if (fault !== undefined) return `${who}: ${fault}`;
  }
  return undefined;
}
