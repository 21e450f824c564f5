/**
 * Whether QEMU gets at a disk over the network from where it runs.
 *
 * @module
 */

import { uriNeeds } from "../device/uri_object.ts";
import {
  type Confinement,
  confinementText,
  readConfinement,
} from "../host/confinement.ts";
import { readIfThere } from "../host/look.ts";
import type { QemuProcess } from "../host/process.ts";
import { seesAsQemu } from "../host/reach.ts";

/** Whether QEMU has a part of it loaded, or built in: proc_pid_maps(5). */
function isLoaded(pid: number, module: string): boolean {
  const library = module === "gluster" ? "gfapi" : module;
  const maps = readIfThere(`/proc/${pid}/maps`);
  // It ended, and will be found gone soon.
  if (maps === undefined) return true;
  return maps.includes(`/block-${module}.so`) ||
    maps.includes(`/lib${library}.so`);
}

/** What a chroot hides from QEMU. */
function hidden(
  { pid, jail, root }: Confinement,
  { names, module }: ReturnType<typeof uriNeeds>,
): string | undefined {
  if (jail === "none") return undefined;
  if (module !== undefined && !isLoaded(pid, module)) {
    return `its part for ${module} is loaded on demand, which its root directory ${root} prevents`;
  }
  const [name] = names;
  return name === undefined
    ? undefined
    : `it cannot resolve ${name} from its root directory ${root}: give an address`;
}

/**
 * Why QEMU cannot get at a disk by its URI.
 *
 * @returns undefined if nothing is known to stand in the way
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
