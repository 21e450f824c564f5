/**
 * A disk: its entry in the runtime file and its arguments for QEMU, made by one
 * builder in every case. SPEC section 7.
 *
 * @module
 */

import type { DiskFormat } from "../host/qcow2.ts";
import type { Json, QmpVersion } from "../qmp/message.ts";
import { uriNode } from "./storage_uri.ts";
import { protocolDriver } from "./dev_type.ts";
import { type DiskDriver, isPassThrough } from "./disk_driver.ts";
import { cacheMode, type DiskSettings, isOlder } from "./disk_settings.ts";
import { DISK_PROPERTIES } from "./disk_properties.ts";
import { addressOf, type Place, type Properties } from "./hvinfo.ts";
import { propertyArguments, type PropertyValues } from "./properties.ts";
import type { ScsiController } from "./scsi_controller.ts";

/** A disk to be plugged. */
export interface DiskDevice {
  /** Also the name of the block node, therefore at most 31 characters. */
  readonly id: string;
  /** Lower case; Ganeti finds the disk by it. */
  readonly uuid: string;
  /** Ganeti's `name`; absent from the entry if undefined. */
  readonly name?: string | undefined;
  /** Chosen by the plan; QEMU chooses nothing. */
  readonly place: Place;
  /** The driver that the guest sees. */
  readonly driver: DiskDriver;
  /** Ganeti's `dev_type`: protocol driver, and whether the host may cache. */
  readonly devType: string;
  /** Absolute path. */
  readonly source: string;
  /** The same path without links. */
  readonly resolved: string;
  /** The size at the time of the plan; the entry has it in MiB, rounded up. */
  readonly sizeBytes: number;
  /** The user's settings, completed from the hvparams. */
  readonly settings: DiskSettings;
  /** Those that it is given; the rest is left to QEMU. @default none */
  readonly given?: PropertyValues | undefined;
  /** What its entry has of them, for each start. @default none */
  readonly properties?: Properties | undefined;
  /** For userspace access; then there is no path. */
  readonly uri?: string | undefined;
  /** A master's path beside the URI. */
  readonly link?: string | undefined;
  /** Format of the image. @default "raw" */
  readonly format?: DiskFormat | undefined;
  /** A master's object for the entry, without hvinfo, as JSON text. */
  readonly object?: string | undefined;
  /**
   * The controller that is plugged with it, because the VM has none. @default
   * none
   */
  readonly controller?: ScsiController | undefined;
}

/** An image below another; QEMU only reads it. */
export interface BackingNode {
  /** Format of the image itself. */
  readonly format: DiskFormat;
  /** Block driver of its file or device: `file` or `host_device`. */
  readonly protocol: string;
  /** The path that QEMU opens: `/dev/fdset/2`. */
  readonly filename: string;
}

/** The parts of a disk that a block node needs. */
export type DiskNode = Pick<
  DiskDevice,
  "id" | "devType" | "settings" | "format"
>;

/** The place of a block node's data, and the QEMU that reads them. */
export interface NodeOptions {
  /**
   * The path that QEMU opens, e.g. `/dev/fdset/1`; or the storage that it
   * reaches itself.
   */
  readonly from: { readonly filename: string } | { readonly uri: string };
  /** Undefined: a current release. */
  readonly release?: QmpVersion | undefined;
  /** Images below a qcow2 image, from the top down. @default none */
  readonly backing?: readonly BackingNode[] | undefined;
}

/**
 * The common arguments of all nodes of a disk; `auto-read-only` came with 3.1.
 */
function common(
  { settings: { cache, access }, devType }: DiskNode,
  release: QmpVersion | undefined,
) {
  const { direct } = cacheMode(cache, devType);
  const old = release !== undefined && isOlder(release, [3, 1]);
  return {
    cache: { direct, "no-flush": false },
    "read-only": access === "ro",
    ...(!old && { "auto-read-only": false }),
  };
}

/** The node that has the data. */
function protocolNode(disk: DiskNode, { from, release }: NodeOptions): Json {
  if ("uri" in from) return uriNode(from.uri);
  const { cache, ...access } = common(disk, release);
  return {
    driver: protocolDriver(disk.devType),
    filename: from.filename,
    aio: disk.settings.aio,
    cache,
    discard: disk.settings.discard,
    ...access,
  };
}

/**
 * The node below an image. Null ends a chain whatever the image says; a raw
 * image has no chain.
 */
function backingArguments(
  format: DiskFormat | undefined,
  disk: DiskNode,
  { backing = [], release }: Pick<NodeOptions, "backing" | "release">,
): Json {
  if (format !== "qcow2") return {};
  const [next, ...rest] = backing;
  if (next === undefined) return { backing: null };
  const settings = { ...disk.settings, access: "ro" as const };
  const same = common({ ...disk, settings }, release);
  const { protocol: driver, filename } = next;
  const below = {
    driver: next.format,
    ...same,
    file: { driver, filename, aio: settings.aio, ...same },
    ...backingArguments(next.format, disk, { backing: rest, release }),
  };
  return { backing: below };
}

/**
 * Arguments of `blockdev-add`: a raw or qcow2 node over the file node, so that
 * the format is never probed. Nodes below it have no names of their own: they
 * are deleted with it. `auto-read-only` and `read-only` are explicit: otherwise
 * QEMU 4.0 and newer would look for a second fd in the fd set.
 */
export function blockdevArguments(
  disk: DiskNode,
  options: NodeOptions,
): Json {
  return {
    driver: disk.format ?? "raw",
    "node-name": disk.id,
    discard: disk.settings.discard,
    ...common(disk, options.release),
    file: protocolNode(disk, options),
    ...backingArguments(disk.format, disk, options),
  };
}

/** A disk in the view of the guest. */
export interface DiskFrontend extends DiskNode {
  /** QEMU's name of the driver. */
  readonly driver: string;
  /** Its place in QEMU's arguments: `bus` and `addr`, … */
  readonly address: Json;
}

/** Arguments of `device_add`, or of `-device`, for any driver. */
export function frontendArguments(disk: DiskFrontend): Json {
  const { settings, devType, id, driver, address } = disk;
  const { writeCache } = cacheMode(settings.cache, devType);
  return {
    driver,
    id,
    ...address,
    drive: id,
    // An OnOffAuto in QEMU's schema: a word and not a boolean.
    ...(isPassThrough(driver) ? {} : { "write-cache": writeCache }),
  };
}

/** An NVMe controller has no default serial number; the field has 20 bytes. */
function nvmeSerial(uuid: string): string {
  return uuid.replaceAll("-", "").slice(0, 20);
}

/** Arguments of `device_add`. */
export function diskDeviceArguments(disk: DiskDevice): Json {
  const { place, driver, uuid, given = {} } = disk;
  return {
    ...frontendArguments({ ...disk, address: addressOf(place) }),
    ...(driver === "nvme" ? { serial: nvmeSerial(uuid) } : {}),
    ...propertyArguments(DISK_PROPERTIES, given),
  };
}
