/**
 * A disk: its entry in the runtime file and its arguments for QEMU, made by
 * one builder for every path. SPEC section 7.
 *
 * @module
 */

import { HotplugError, refuse } from "../errors.ts";
import type { Json } from "../qmp/message.ts";
import type { Hvparams } from "../state/hvparams.ts";
import { formatJson } from "../state/json.ts";
import { jsonNode } from "../state/json_node.ts";
import { addrOfSlot, type PciPlace } from "./bus_slot.ts";

/** Ganeti's words, SPEC section 9. */
export const CACHES = ["default", "none", "writeback", "writethrough"] as const;
/** Values of hvparam `disk_aio`, SPEC section 9. */
export const AIOS = ["threads", "native", "io_uring"] as const;
/** Values of hvparam `disk_discard` that QEMU takes, SPEC section 9. */
export const DISCARDS = ["ignore", "unmap"] as const;

/** Ganeti's `dev_type` of a disk that was named by its path. */
export type DevType = "file" | "blockdev";

/** How a disk behaves; what Ganeti derives from the hvparams at start. */
export interface DiskSettings {
  /** One of {@linkcode CACHES}; {@linkcode cacheMode} has the meaning. */
  readonly cache: string;
  /** One of {@linkcode AIOS}; `native` needs O_DIRECT. */
  readonly aio: string;
  /** One of {@linkcode DISCARDS}; holds for both block nodes. */
  readonly discard: string;
  /** `ro`: QEMU's fd and both block nodes are read-only. */
  readonly access: "rw" | "ro";
  /** virtio-blk queues, QEMU's own choice if undefined. */
  readonly queues?: number | undefined;
}

/** A disk to be plugged. */
export interface DiskDevice {
  /** Also the block node's name, hence at most 31 characters. */
  readonly id: string;
  /** Lower case; Ganeti finds the disk by it. */
  readonly uuid: string;
  /** Ganeti's `name`; absent from the entry if undefined. */
  readonly name?: string | undefined;
  /** Chosen by the plan; QEMU is left no choice. */
  readonly place: PciPlace;
  /** Decides the protocol driver, and that shared storage is not cached. */
  readonly devType: DevType;
  /** Absolute path. */
  readonly source: string;
  /** The same without links. */
  readonly resolved: string;
  /** At the time of the plan; the entry has it in MiB, rounded up. */
  readonly sizeBytes: number;
  /** The user's, filled up from the hvparams. */
  readonly settings: DiskSettings;
  /** Id of one the VM was started with; undefined: the main loop. */
  readonly iothread?: string | undefined;
}

/** QEMU's view of a cache setting: SPEC 7.1. */
export interface CacheMode {
  /** Past the host's page cache: O_DIRECT. */
  readonly direct: boolean;
  /** The frontend's `write-cache`. */
  readonly writeCache: "on" | "off";
}

/** The driver behind Ganeti's and QEMU's words for it. */
export const VIRTIO_BLK = "virtio-blk-pci";

function isParavirtual(word: string): boolean {
  return word === "paravirtual" || word === VIRTIO_BLK;
}

/**
 * The QEMU driver for a word of `--driver` or hvparam `disk_type`.
 *
 * @throws {HotplugError} `unsupported`
 */
export function diskDriver(word: string): string {
  if (isParavirtual(word)) return VIRTIO_BLK;
  throw new HotplugError(
    "unsupported",
    `Cannot hotplug a disk of type ${
      JSON.stringify(word)
    }: ${VIRTIO_BLK} (Ganeti: paravirtual) is supported`,
    { hint: `--driver ${VIRTIO_BLK} plugs it as a virtio disk` },
  );
}

/**
 * The cache mode; shared storage (`blockdev`) is never cached: SPEC 7.1.
 *
 * @throws {HotplugError} `unsupported` for a word Ganeti does not have
 */
export function cacheMode(cache: string, devType: DevType): CacheMode {
  if (devType === "blockdev") return { direct: true, writeCache: "on" };
  switch (cache) {
    case "none":
      return { direct: true, writeCache: "on" };
    case "default":
    case "writeback":
      return { direct: false, writeCache: "on" };
    case "writethrough":
      return { direct: false, writeCache: "off" };
  }
  throw new HotplugError(
    "unsupported",
    `Cache setting must be one of ${CACHES.join(", ")}: it is ${
      JSON.stringify(cache)
    }`,
  );
}

/**
 * Checks that the settings go together.
 *
 * @throws {HotplugError} `refused` if `native` is asked of a cached disk,
 * `unsupported` for a word Ganeti does not have
 */
export function checkSettings(
  settings: DiskSettings,
  devType: DevType,
): void {
  const { direct } = cacheMode(settings.cache, devType);
  if (!AIOS.some((one) => one === settings.aio)) {
    throw new HotplugError(
      "unsupported",
      `Aio setting must be one of ${AIOS.join(", ")}: it is ${
        JSON.stringify(settings.aio)
      }`,
    );
  }
  if (settings.aio !== "native" || direct) return;
  throw refuse(
    `aio native needs a disk without host cache: cache is ${settings.cache}`,
    "use --cache none, or --aio threads",
  );
}

/** Whether Ganeti's own start would give the disk the same settings. */
export function isReproducible(
  settings: DiskSettings,
  hvparams: Hvparams,
  devType: DevType,
): boolean {
  const { diskCache, diskType } = hvparams;
  if (!isParavirtual(diskType)) return false;
  if (!CACHES.some((one) => one === diskCache)) return false;
  const wanted = cacheMode(settings.cache, devType);
  const atStart = cacheMode(diskCache, devType);
  return wanted.direct === atStart.direct &&
    wanted.writeCache === atStart.writeCache &&
    settings.aio === hvparams.diskAio &&
    settings.discard === hvparams.diskDiscard &&
    settings.access === "rw" && settings.queues === undefined;
}

/**
 * Arguments of `blockdev-add`: a raw node over the file node, so that the
 * format is never probed. `auto-read-only` and `read-only` are explicit: with
 * an fd set, QEMU 4.0 and newer would look for a second fd otherwise.
 *
 * @param filename what QEMU opens, e.g. `/dev/fdset/1`
 */
export function blockdevArguments(disk: DiskDevice, filename: string): Json {
  const { settings, devType, id } = disk;
  const { direct } = cacheMode(settings.cache, devType);
  const readOnly = settings.access === "ro";
  const cache = { direct, "no-flush": false };
  return {
    driver: "raw",
    "node-name": id,
    discard: settings.discard,
    cache,
    "read-only": readOnly,
    "auto-read-only": false,
    file: {
      driver: devType === "file" ? "file" : "host_device",
      filename,
      aio: settings.aio,
      cache,
      discard: settings.discard,
      "read-only": readOnly,
      "auto-read-only": false,
    },
  };
}

/** Arguments of `device_add`. */
export function diskDeviceArguments(disk: DiskDevice): Json {
  const { settings, devType, id, place } = disk;
  return {
    driver: VIRTIO_BLK,
    id,
    bus: place.bus,
    addr: addrOfSlot(place.slot),
    drive: id,
    // An OnOffAuto in QEMU's schema, so a word and no boolean.
    "write-cache": cacheMode(settings.cache, devType).writeCache,
    ...(settings.queues === undefined ? {} : { "num-queues": settings.queues }),
    ...(disk.iothread === undefined ? {} : { iothread: disk.iothread }),
  };
}

const MIB = 1024 * 1024;

/**
 * The entry for the runtime file, as JSON text: SPEC 2.3. Its path is
 * absolute: a link of ours would be replaced by Ganeti's next add.
 *
 * @param index place among the disks
 * @param reproducible false: Ganeti's start must not open it as it would open
 * a plain disk, so the mode is one it refuses
 */
export function diskEntry(
  disk: DiskDevice,
  { index, reproducible }: { index: number; reproducible: boolean },
): string {
  const driver = disk.devType === "file" ? "loop" : "manual";
  const object = {
    ...(disk.name === undefined ? {} : { name: disk.name }),
    dev_type: disk.devType,
    logical_id: [driver, disk.resolved],
    iv_name: `disk/${index}`,
    size: Math.ceil(disk.sizeBytes / MIB),
    mode: reproducible ? "rw" : "ro",
    params: {},
    hvinfo: {
      driver: VIRTIO_BLK,
      id: disk.id,
      bus: disk.place.bus,
      addr: addrOfSlot(disk.place.slot),
    },
    uuid: disk.uuid,
  };
  return formatJson(jsonNode([object, disk.source, null]));
}
