/**
 * Facts for adding a disk, beside the instance.
 *
 * @module
 */

import { type BackingChain, readChain } from "../host/backing_chain.ts";
import { type GanetiRelease, ganetiRelease } from "../host/network.ts";
import { inspectSource, type Source, uriSource } from "../host/source.ts";
import { isShared } from "../device/dev_type.ts";
import { accessFor, findDriver, isScsi } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import { isUri } from "../device/storage_uri.ts";
import { toNote } from "../engine/own_facts.ts";
import { FDSET_COMMANDS, IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import { type AccessFacts, readAccessFacts, uriFault } from "./way_facts.ts";
import { driverFault, readScsi, type ScsiFacts } from "./scsi.ts";
import { type DiskThere, readThere, twinDisk } from "./there.ts";
import { iothreadsFor } from "./iothread.ts";
import { type GroupFacts, readGroupFacts } from "./limit_group.ts";
import type { PropertyFacts } from "./properties.ts";
import { readPropertyFacts } from "./property_facts.ts";
import type { DiskAdd } from "./request.ts";
import { readUnfinished } from "./finish.ts";
import type { FoundUnfinished } from "../plan/finish.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { World } from "../engine/world.ts";
import { noteOn } from "../state/own_check.ts";

/** Facts for adding a disk. */
export interface DiskAddFacts
  extends Facts, ScsiFacts, PropertyFacts, GroupFacts {
  /** Inspected, not opened for writing. */
  readonly source: Source;
  /** Read only if the disk will have one. */
  readonly iothreads: ReadonlySet<string>;
  /** Undefined if the disk is passed opened, which needs no more. */
  readonly access?: AccessFacts | undefined;
  /** Why QEMU cannot reach a URI, undefined if no reason is known. */
  readonly uriFault?: string | undefined;
  /** Ganeti's release, if it matters; undefined: 3.1 or older, or not read. */
  readonly release?: GanetiRelease | undefined;
  /**
   * Why the driver cannot serve this source, undefined if no reason is known.
   */
  readonly driverFault?: string | undefined;
  /** The images below a qcow2 image; undefined for a raw one. */
  readonly chain?: Omit<BackingChain, "pins"> | undefined;
  /** The recorded disk that the request may mean, in QEMU's view. */
  readonly there?: DiskThere | undefined;
  /** The disk itself, plugged but not recorded. */
  readonly unfinished?: FoundUnfinished<DiskEntry> | undefined;
}

/** How the source is opened, by request and hvparams. */
function openingOf(
  { content }: NodeFacts,
  { driver: word, settings }: DiskAdd,
) {
  const { diskType, diskCache } = content.runtime.hvparams;
  const driver = findDriver(word ?? diskType);
  const { cache = diskCache } = settings;
  return { driver, cache, access: accessFor(driver, settings.access) };
}

/** Whether QEMU will open the disk by itself. */
function opensItself({ qemu }: Facts, { via }: DiskAdd): boolean {
  if (via !== undefined) return via !== "fdset";
  return FDSET_COMMANDS.some((name) => !qemu.commands.has(name));
}

/**
 * Checks the source of a new disk.
 *
 * @param world keeps the O_PATH fd of the source as `source-pin`
 * @throws {HotplugError} `refused`
 */
export async function readSource(
  node: NodeFacts,
  request: DiskAdd,
  world: World,
): Promise<Source> {
  if (isUri(request.source)) return uriSource(request.source);
  const { cache, access } = openingOf(node, request);
  const { source, pinned } = await inspectSource(request.source, {
    access,
    direct: cache === "none" ||
      (request.ganeti !== undefined && isShared(request.ganeti.devType)),
  });
  world.keepFd("source-pin", pinned);
  return source;
}

/** Checks the images below the source, if it will be a qcow2 image. */
async function readChainOf(
  { format, allowBacking }: DiskAdd,
  { source, cache, world }: {
    readonly source: Source;
    readonly cache: string;
    readonly world: World;
  },
): Promise<DiskAddFacts["chain"]> {
  if (format !== "qcow2" || source.kind === "uri") return undefined;
  const { pins, ...chain } = await readChain(source, world.fd("source-pin"), {
    allowed: allowBacking,
    // A block device from the command line counts as shared storage, which is
    // not cached.
    direct: cache === "none" || source.kind === "block",
  });
  pins.forEach((fd, i) => world.keepFd(layerPin(i), fd));
  return chain;
}

/** The name of the O_PATH fd of a backing image in the world. */
export function layerPin(index: number): string {
  return `layer-pin:${index}`;
}

/** Adds the facts for plugging a disk, without its source. */
export async function readDiskAddFacts(
  facts: Facts,
  request: DiskAdd,
  { source, world }: { readonly source: Source; readonly world: World },
): Promise<DiskAddFacts> {
  const { qemu, own } = facts;
  const { properties, limits, limitGroup, uuid, settings: { aio, discard } } =
    request;
  const { driver, cache, access } = openingOf(facts, request);
  const { qmp } = world;
  const pinned = world.heldFd("source-pin");
  const twin = twinDisk({ ...facts, source }, request);
  const unfinished = twin === undefined
    ? await readUnfinished(facts, request, { source, qmp })
    : undefined;
  const there = twin ??
    (unfinished && "entry" in unfinished ? unfinished.entry : undefined);
  // An existing disk is not read in the requested format.
  const chain = twin === undefined
    ? await readChainOf(request, { source, cache, world })
    : undefined;
  const isIn = properties?.iothread !== undefined ||
    iothreadsFor(facts, request) > 0;
  const iothreads = isIn ? await ask(qmp, IOTHREADS) : new Set<string>();
  const scsi = driver !== undefined && isScsi(driver)
    ? await readScsi(qmp, facts, request)
    : { scsi: [] };
  const isAlone = source.kind !== "uri" && opensItself(facts, request);
  const seen = isAlone
    ? readAccessFacts(qemu, source, {
      pinned: world.fd("source-pin"),
      access,
    })
    : undefined;
  // Only values that neither QEMU nor the file tells are noted.
  const isNoted = limits !== undefined || limitGroup !== undefined ||
    seen !== undefined ||
    aio !== undefined || discard !== undefined ||
    noteOn(own.record, uuid.value) !== undefined;
  return {
    ...facts,
    ...scsi,
    own: isNoted ? toNote(own, qemu.process) : own,
    source,
    chain,
    ...await readPropertyFacts(qmp, request, driver),
    ...await readGroupFacts(request, qmp),
    iothreads,
    there: there && await readThere(facts, there, qmp),
    unfinished,
    // Every QEMU has virtio-blk.
    driverFault: driver === undefined || driver === VIRTIO_BLK
      ? undefined
      : await driverFault(driver, { source, pinned, qmp }),
    access: seen,
    release: source.kind === "uri" ? ganetiRelease() : undefined,
    uriFault: source.kind === "uri"
      ? uriFault(source.path, qemu.process)
      : undefined,
  };
}
