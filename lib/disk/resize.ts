/**
 * Plans to resize a disk. Pure.
 *
 * `block_resize` makes a raw file longer **and shorter** (block/file-posix.c,
 * raw_co_truncate): every size is compared before anything is sent.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import { controllerOf } from "../device/scsi_controller.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import { refuse, unsupported } from "../errors.ts";
import { hugeFault } from "../host/disk_size.ts";
import { type OpenImage, openImages } from "../host/open_images.ts";
import type { Facts } from "../plan/facts.ts";
import { pausedWarning } from "../plan/paused.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { stateSteps } from "../plan/steps.ts";
import type { Size } from "../qmp/reading.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { sizeText } from "../words/text.ts";
import { type BlockUsers, readBlockUsers, refuseUsed } from "./block_users.ts";
import type { ResizeDiskStep } from "./change_steps.ts";
import {
  chooseDisk,
  type ChosenDisk,
  notInQemu,
  recordedWith,
  refuseEmpty,
} from "./chosen.ts";
import {
  imageFormat,
  type LiveDisk,
  type OpenSource,
  readLiveDisks,
} from "./live.ts";
import {
  type MovedDisk,
  readMoved,
  refuseMoved,
  whereabouts,
} from "./moved.ts";
import { unheard } from "./driver.ts";
import type { DiskResize } from "./request.ts";
import { isCut, lengthen } from "./cut.ts";
import { DISK } from "./name.ts";

const MIB = 1024 * 1024;

/** QEMU counts in these: BDRV_SECTOR_SIZE. */
const SECTOR = 512;

/** Servers that tell a new size when QEMU asks again. */
const NETWORK = ["nbd", "rbd", "gluster", "iscsi"];

/** The request for a disk. */
interface Wish {
  readonly request: DiskResize;
  readonly title: string;
}

/** A new size as the caller gave it, and in bytes. */
function wantedText(
  { sizeBytes, sizeWord }: DiskResize,
  size: number,
): string {
  const isGiven = size === sizeBytes && sizeWord && /[a-z]$/i.test(sizeWord);
  return isGiven ? `${sizeWord} (${size} bytes)` : sizeText(size);
}

/** Refuses a size that JavaScript cannot tell to the byte. */
function refuseHuge(what: string, size: Size): asserts size is number {
  const fault = hugeFault(size);
  if (fault) throw refuse(`Cannot resize ${what}: ${fault}`);
}

/**
 * The size of a disk on a file or device: never less than the file or device.
 */
function sizeOn(
  { kind, path }: OpenSource,
  size: number,
  { request, title }: Wish,
): number {
  const { sizeBytes = size, fileGrowth, largerDevice } = request;
  if (sizeBytes === size) return size;
  // QEMU does not cut a device, and gives the guest all of it.
  const isEnough = largerDevice === "whole" && sizeBytes < size;
  if (kind === "block" && isEnough) return size;
  const cannot = (why: string, hint: string) =>
    refuse(
      `Cannot resize ${title} to ${wantedText(request, sizeBytes)}: ${why}`,
      hint,
    );
  if (kind === "block") {
    throw cannot(
      `block device ${path} has ${
        sizeText(size)
      }, and a disk has the size of its device`,
      "grow the device first, then omit SIZE",
    );
  }
  const has = `its file ${path} has ${sizeText(size)}`;
  if (sizeBytes < size) {
    throw cannot(`${has}, and QEMU would shorten the file`, "omit SIZE");
  }
  if (fileGrowth === "allowed") return sizeBytes;
  throw cannot(has, "to make the file longer, use --grow");
}

/**
 * The open file of QEMU for a disk. A source that has grown has another size
 * than its node, and the size may not prove it any more. Then it is the target
 * of the recorded link, if QEMU has this file open and no other disk has it.
 */
function sourceOf(
  facts: DiskResizeFacts,
  disk: LiveDisk,
  { index, link }: DiskEntry,
): LiveDisk["source"] {
  if ("identity" in disk.source) return disk.source;
  const image = facts.images.find(({ identity }) =>
    identity === facts.diskIdentities[index]
  );
  if (image === undefined || link === null) return disk.source;
  const { identity, kind, path: resolved, sizeBytes } = image;
  const isOther = facts.live.some(({ source }) =>
    "identity" in source && source.identity === identity
  );
  if (isOther || recordedWith(facts, identity).length > 1) {
    return { why: `${link} is already used by another disk` };
  }
  return { identity, kind, path: link, resolved, sizeBytes };
}

/**
 * A raw file that was cut under its disk: the guest has no whole disk, although
 * QEMU already tells the wanted size.
 */
function refuseCut({ drivers, source }: LiveDisk, size: number, title: string) {
  if (imageFormat({ drivers }) !== undefined || "why" in source) return;
  const { kind, path, sizeBytes } = source;
  if (kind !== "file" || !isCut(sizeBytes, size)) return;
  throw refuse(
    `Cannot resize ${title}: it has ${
      sizeText(size)
    }, but its file ${path} was cut to ${sizeText(sizeBytes ?? 0)}`,
    lengthen(source, size),
  );
}

/** The wanted size of the disk, in bytes. */
function wantedSize(
  { drivers, source }: Pick<LiveDisk, "drivers" | "source">,
  wish: Wish,
): number {
  const { request: { sizeBytes }, title } = wish;
  const format = imageFormat({ drivers });
  const server = NETWORK.find((one) => one === drivers.at(-1));
  if (format !== undefined || server !== undefined) {
    if (sizeBytes !== undefined) return sizeBytes;
    const why = format === undefined
      ? `only the ${server} server knows the size`
      : `a ${format} image must be grown by QEMU`;
    throw refuse(`SIZE is missing: ${why}`, "give the new SIZE");
  }
  if ("why" in source || source.sizeBytes === undefined) {
    const why = "why" in source ? source.why : "its size cannot be read";
    throw refuse(
      `Cannot resize ${title}: the file or device that QEMU has open for it is not known (${why})`,
      "remove the disk and add it again",
    );
  }
  const size = Math.ceil(source.sizeBytes / SECTOR) * SECTOR;
  refuseHuge(`${title} to the size of ${source.path}`, size);
  return sizeOn(source, size, wish);
}

function targetOf(
  { backend: { nodeName, device } }: LiveDisk,
  title: string,
): ResizeDiskStep["target"] {
  if (!isMadeUp(nodeName)) return { "node-name": nodeName };
  if (device !== "") return { device };
  throw unsupported(
    `Cannot resize ${title}: its block node has no name in QEMU`,
  );
}

function expectLarger(
  { request, title }: Wish,
  { from, to }: { from: number; to: number },
) {
  const wanted = wantedText(request, to);
  if (to < from) {
    throw refuse(
      `Cannot shrink ${title} to ${wanted}: it has ${sizeText(from)}`,
      "a disk can only grow: the guest may use all of it",
    );
  }
  if (to % SECTOR === 0) return;
  throw refuse(
    `Cannot resize ${title} to ${wanted}: a size must be a multiple of ${SECTOR} bytes`,
  );
}

/** hw/nvme/ctrl.c prevents a resize of the node that it uses. */
function refuseNvme({ entry, title }: ChosenDisk) {
  if (entry.hvinfo.driver !== "nvme") return;
  throw unsupported(
    `Cannot resize ${title}: QEMU cannot resize a disk with driver nvme`,
    "remove it, then add it again with its new size",
  );
}

/**
 * The image below an overlay of a snapshot was plugged writable. QEMU could not
 * open it in this way again, which it does while it resizes the overlay.
 */
function refuseOverlay(
  { qemu: { nodeNames } }: Facts,
  disk: LiveDisk,
  { id, title }: ChosenDisk,
) {
  const isTop = disk.nodes.includes(id) || !nodeNames.has(id);
  if (isTop || imageFormat(disk) === undefined) return;
  throw refuse(
    `Cannot resize ${title}: its data is in an overlay, ${whereabouts(disk)}`,
    "remove the disk, merge the two images (qemu-img commit), and add the result",
  );
}

/**
 * Plans to resize a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskResize(
  request: DiskResize,
  facts: DiskResizeFacts,
): Plan {
  refuseImpossible(facts, DISK.needs["disk-resize"]);
  const { device } = request;
  const chosen = chooseDisk(facts, { device, verb: "resize" });
  refuseEmpty(facts, chosen, "resize");
  refuseNvme(chosen);
  const { entry, id, title, uuid, view } = chosen;
  const disk = facts.live.find((one) => one.id === id) ??
    facts.live.find(({ backend }) => backend.device === id);
  const from = disk?.backend.sizeBytes;
  if (disk === undefined || from === undefined) throw notInQemu(facts, chosen);
  refuseUsed(facts, { id, what: `resize ${title}` });
  const { moved, paths } = facts;
  refuseMoved(moved, { paths, what: `resize ${title}`, only: entry });
  refuseOverlay(facts, disk, chosen);
  refuseHuge(title, from);
  const { drivers } = disk;
  const source = sourceOf(facts, disk, entry);
  refuseCut({ ...disk, source }, from, title);
  const to = wantedSize({ drivers, source }, { request, title });
  const draft = {
    action: "resize",
    instance: facts.paths.name,
    title,
    kinds: [DISK.word],
  } as const;
  if (to === from) {
    return planOf({ ...draft, device: view, steps: [] });
  }
  expectLarger({ request, title }, { from, to });
  if (disk.readOnly) {
    throw refuse(`Cannot resize ${title}: QEMU opened it read-only`);
  }
  const size = Math.ceil(to / MIB);
  const { stage, commit } = stateSteps(facts, {
    change: "members",
    list: "disks",
    uuid,
    members: { size: `${size}` },
  });
  const isRecorded = entry.sizeMib !== undefined && entry.sizeMib !== size;
  const target = targetOf(disk, title);
  const resize: ResizeDiskStep = { kind: "resize-disk", target, from, to };
  const controller = controllerOf(
    entry.hvinfo,
    facts.content.runtime.kvmCmd,
  );
  return planOf({
    ...draft,
    device: { ...view, size_bytes: to },
    steps: isRecorded ? [stage, resize, commit] : [resize],
    turn: resize,
    warnings: [unheard(controller, "size"), pausedWarning(facts)],
  });
}

/** Facts for resizing a disk. */
export interface DiskResizeFacts extends Facts {
  /** Each with its proven open file or device. */
  readonly live: readonly LiveDisk[];
  /** The files and devices QEMU has open. */
  readonly images: readonly OpenImage[];
  readonly users: BlockUsers;
  readonly moved: readonly MovedDisk[];
}

/**
 * Adds the facts for resizing a disk.
 *
 * @throws {HotplugError} `refused`
 */
export async function readDiskResizeFacts(
  facts: Facts,
  { qmp }: World,
): Promise<DiskResizeFacts> {
  const { process } = facts.qemu;
  if (process === undefined) {
    throw refuse(
      "Cannot resize a disk: QEMU's process is unknown, so its open files are not known",
    );
  }
  const images = await openImages(process.pid);
  const live = await readLiveDisks(qmp, facts.qemu, { process, images });
  const users = await readBlockUsers(facts, qmp);
  const { qemu, content: { runtime } } = facts;
  const moved = await readMoved({ qemu, runtime }, qmp, live);
  return { ...facts, live, images, users, moved };
}
