/**
 * What adding a disk depends on besides the instance.
 *
 * @module
 */

import type { BackingChain } from "../host/backing_chain.ts";
import { inspectSource, type Source, uriSource } from "../host/source.ts";
import { isShared } from "../device/dev_type.ts";
import { accessFor, findDriver, isScsi } from "../device/disk_driver.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import { isUri } from "../device/storage_uri.ts";
import { FDSET_COMMANDS, IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import type { AccessFacts } from "./way_facts.ts";
import type { ScsiFacts } from "./scsi.ts";
import { controllerWord } from "./controller.ts";
import type { DiskAdd } from "./request.ts";
import type { World } from "../engine/world.ts";

/** What adding a disk depends on. */
export interface DiskAddFacts extends Facts, ScsiFacts {
  /** Inspected, not opened for writing. */
  readonly source: Source;
  /** Asked for only if the request names one. */
  readonly iothreads: ReadonlySet<string>;
  /** Undefined if the disk goes opened, which needs no more. */
  readonly access: AccessFacts | undefined;
  /** Why QEMU does not get at a URI, undefined if nothing is known to. */
  readonly uriFault: string | undefined;
  /** Why the driver cannot serve this source, undefined if nothing is known. */
  readonly driverFault: string | undefined;
  /** What lies below a qcow2 image; undefined for a raw one. */
  readonly chain?: Omit<BackingChain, "pins"> | undefined;
  /** Who runs now, for a note of limits; null if that cannot be told. */
  readonly who?: ProcessIdentity | null;
}

/** The driver of the new disk, if it is one that can be plugged. */
function driverOf({ content }: NodeFacts, { driver }: DiskAdd) {
  return findDriver(driver ?? content.runtime.hvparams.diskType);
}

/** Whether QEMU is to open the disk by itself. */
function opensItself(facts: Facts, { via }: DiskAdd): boolean {
  if (via !== undefined) return via !== "fdset";
  return FDSET_COMMANDS.some((name) => !facts.qemu.commands.has(name));
}

/**
 * Looks at the source of a new disk.
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
  const { diskCache } = node.content.runtime.hvparams;
  const { cache = diskCache } = request.settings;
  const access = accessFor(driverOf(node, request), request.settings.access);
  const { source, pinned } = await inspectSource(request.source, {
    access,
    direct: cache === "none" ||
      (request.ganeti !== undefined && isShared(request.ganeti.devType)),
  });
  world.keepFd("source-pin", pinned);
  return source;
}

/** What only drivers other than virtio-blk depend on. */
async function driverFacts(
  facts: Facts,
  request: DiskAdd,
  { source, world }: { source: Source; world: World },
): Promise<ScsiFacts & Pick<DiskAddFacts, "driverFault">> {
  const driver = driverOf(facts, request);
  if (driver === undefined || driver === VIRTIO_BLK) {
    return { scsi: [], driverFault: undefined };
  }
  const { qmp } = world;
  const { driverFault, readScsi } = await import("./scsi.ts");
  const pinned = world.heldFd("source-pin");
  const word = controllerWord(facts, request);
  return {
    ...isScsi(driver) ? await readScsi(qmp, word) : { scsi: [] },
    driverFault: await driverFault(driver, { source, pinned, qmp }),
  };
}

/** Looks at the images below the source, if it is to be a qcow2 image. */
async function readChainOf(
  { content }: NodeFacts,
  { format, allowBacking, settings }: DiskAdd,
  { source, world }: { source: Source; world: World },
): Promise<Pick<DiskAddFacts, "chain">> {
  if (format !== "qcow2" || source.kind === "uri") return {};
  const { readChain } = await import("../host/backing_chain.ts");
  const { diskCache } = content.runtime.hvparams;
  const { cache = diskCache } = settings;
  const { pins, ...chain } = await readChain(
    source,
    world.fd("source-pin"),
    {
      allowed: allowBacking,
      // A block device of ours counts as shared storage, which is not cached.
      direct: cache === "none" || source.kind === "block",
    },
  );
  pins.forEach((fd, i) => world.keepFd(layerPin(i), fd));
  return { chain };
}

/** Under which name the world keeps the O_PATH fd of a backing image. */
export function layerPin(index: number): string {
  return `layer-pin:${index}`;
}

/** Adds who runs now, if limits are to be noted. */
async function whoToNote(
  facts: Facts,
  { limits, uuid }: DiskAdd,
): Promise<Pick<DiskAddFacts, "who">> {
  const noted = facts.own.record.devices[uuid.value]?.limits;
  if (limits === undefined && noted === undefined) return {};
  const { whoIs } = await import("../engine/own_facts.ts");
  return { who: await whoIs(facts.qemu.process) };
}

/** Adds what plugging a disk depends on, but for its source. */
export async function readDiskAddFacts(
  given: Facts,
  request: DiskAdd,
  { source, world }: { source: Source; world: World },
): Promise<DiskAddFacts> {
  const facts = {
    ...given,
    ...await whoToNote(given, request),
    ...await readChainOf(given, request, { source, world }),
  };
  const iothreads = request.iothread === undefined
    ? new Set<string>()
    : await ask(world.qmp, IOTHREADS);
  const common = {
    ...facts,
    source,
    iothreads,
    ...await driverFacts(facts, request, { source, world }),
    access: undefined,
    uriFault: undefined,
  };
  if (source.kind === "uri") {
    const { uriFault } = await import("./way_uri.ts");
    const fault = uriFault(source.path, facts.qemu.process);
    return { ...common, uriFault: fault };
  }
  if (!opensItself(facts, request)) return common;
  const { readAccessFacts } = await import("./way_facts.ts");
  const access = accessFor(driverOf(facts, request), request.settings.access);
  const reading = { pinned: world.fd("source-pin"), access };
  const seen = await readAccessFacts(facts.qemu, source, reading);
  return { ...common, access: seen };
}
