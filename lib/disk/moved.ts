/**
 * Disks with data at another place than the runtime file says: a snapshot put
 * an overlay on top, or a mirror made another file the disk's own. The old file
 * may still be open; only the topmost node tells.
 *
 * @module
 */

import { backendOf } from "../device/backend.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { refuse } from "../errors.ts";
import { openImages } from "../host/open_images.ts";
import type { Difference } from "../plan/difference.ts";
import type { Facts, QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { DiskEntry, Runtime } from "../state/runtime.ts";
import { type LinkFacts, readDriftFacts } from "./drift.ts";
import { imageFormat, type LiveDisk, readLiveDisks } from "./live.ts";
import { commandLine } from "../state/instance.ts";

/** A recorded disk, and the disk that QEMU has in its place. */
export interface MovedDisk {
  /** The recorded disk. */
  readonly entry: DiskEntry;
  /** The live disk. */
  readonly disk: LiveDisk;
}

/**
 * Whether a look at the graph is needed: Ganeti and this tool name a disk's
 * node after its device, and record its path.
 */
function isSuspicious(entry: DiskEntry, { block }: QemuFacts): boolean {
  const { hvinfo: { id }, link, uri } = entry;
  const live = id === undefined ? undefined : backendOf(block, id);
  if (live === undefined || live.nodeName === "") return false;
  const isUsual = live.file === link || live.file.startsWith("/dev/fdset/") ||
    uri !== null;
  return live.nodeName !== id || !isUsual;
}

/** Whether a start from the entry opens another file. Pure. */
export function isMoved(
  entry: DiskEntry,
  disk: LiveDisk,
  { nodeNames, link: { lead, named } }: {
    readonly nodeNames: ReadonlySet<string>;
    readonly link: LinkFacts;
  },
): boolean {
  const { hvinfo: { id = "" }, mode = "rw" } = entry;
  const { source, nodes } = disk;
  const recorded = [lead?.identity, ...named.map(({ identity }) => identity)]
    .filter((one) => one !== undefined);
  if ("identity" in source && recorded.length > 0) {
    return !recorded.includes(source.identity);
  }
  // The node with which it was plugged is there, but its data goes to another
  // node.
  if (nodeNames.has(id)) return !nodes.includes(id);
  return mode === "rw" && imageFormat(disk) !== undefined;
}

/**
 * Looks for such disks; asks QEMU for more only if there may be one.
 *
 * @returns none if QEMU's process cannot be seen
 */
export async function readMoved(
  { qemu, runtime: { disks } }: {
    readonly qemu: QemuFacts;
    readonly runtime: Pick<Runtime, "disks">;
  },
  qmp: QmpSession,
  known?: readonly LiveDisk[],
): Promise<readonly MovedDisk[]> {
  const { process, nodeNames } = qemu;
  const few = disks.filter((one) => isSuspicious(one, qemu));
  if (few.length === 0 || process === undefined) return [];
  const live = known ?? await readLiveDisks(qmp, qemu, {
    process,
    images: await openImages(process.pid),
  });
  const { links } = await readDriftFacts(few);
  return few.flatMap((entry, at) => {
    const disk = live.find(({ id }) => id === entry.hvinfo.id);
    const link = links[at];
    if (disk === undefined || link === undefined) return [];
    return isMoved(entry, disk, { nodeNames, link }) ? [{ entry, disk }] : [];
  });
}

function pathOf({ source, backend }: LiveDisk): string {
  return "path" in source ? source.path : backend.file;
}

/** The place of a disk's data. */
export function whereabouts(disk: LiveDisk): string {
  const path = pathOf(disk);
  const format = imageFormat(disk);
  return format === undefined ? path : `${path} (${format})`;
}

function saying({ entry, disk }: MovedDisk): string {
  return `${titleOf(entry)} is recorded as ${
    entry.uri ?? entry.link ?? "nothing"
  }, but its data is in ${
    whereabouts(disk)
  } now. A start from the runtime file would open the old image`;
}

/** The difference of such a disk. */
export function movedDifference(
  { paths }: Pick<Facts, "paths">,
  moved: MovedDisk,
): Difference {
  return {
    code: "moved",
    device: nameOfEntry(moved.entry),
    message: saying(moved),
    hint: hintOf(paths),
    view: { live_source: pathOf(moved.disk), aio: null, discard: null },
  };
}

function hintOf(paths: Facts["paths"]): string {
  return `to record where the data is now, run: ${
    commandLine(paths, "adopt", paths.name)
  }`;
}

/**
 * Refuses a change that depends on the record of a moved disk.
 *
 * @param what for the message: `resize disk 1`
 * @throws {HotplugError} `refused`
 */
export function refuseMoved(
  moved: readonly MovedDisk[],
  { paths, what, only }: Pick<Facts, "paths"> & {
    readonly what: string;
    /** Undefined: all of them count. */
    readonly only?: DiskEntry;
  },
): void {
  const one = moved.find(({ entry }) => only === undefined || entry === only);
  if (one === undefined) return;
  throw refuse(`Cannot ${what}: ${saying(one)}`, hintOf(paths));
}
