/**
 * The behaviour of a disk: cache, aio, discard. SPEC sections 7.1 and 9.
 *
 * @module
 */

import { HotplugError, refuse, unsupported } from "../errors.ts";
import type { QmpVersion } from "../qmp/message.ts";
import type { Hvparams } from "../state/hvparams.ts";
import { isShared } from "./dev_type.ts";

/** Ganeti's words, SPEC section 9. */
export const CACHES = ["default", "none", "writeback", "writethrough"] as const;
/** Values of hvparam `disk_aio`, SPEC section 9. */
export const AIOS = ["threads", "native", "io_uring"] as const;
/** Values of hvparam `disk_discard` that QEMU accepts, SPEC section 9. */
export const DISCARDS = ["ignore", "unmap"] as const;

/** Most queues of a virtio device: VIRTIO_QUEUE_MAX of QEMU. */
export const MAX_DISK_QUEUES = 1024;

/** The behaviour of a disk; Ganeti derives it from the hvparams at start. */
export interface DiskSettings {
  /** One of {@linkcode CACHES}; {@linkcode cacheMode} gives its meaning. */
  readonly cache: string;
  /** One of {@linkcode AIOS}; `native` needs O_DIRECT. */
  readonly aio: string;
  /** One of {@linkcode DISCARDS}; for both block nodes. */
  readonly discard: string;
  /** `ro`: QEMU's fd and both block nodes are read-only. */
  readonly access: "rw" | "ro";
}

/** QEMU's view of a cache setting: SPEC 7.1. */
export interface CacheMode {
  /** Without the host's page cache: O_DIRECT. */
  readonly direct: boolean;
  /** The frontend's `write-cache`. */
  readonly writeCache: "on" | "off";
}

/** Whether a QEMU is older than this release. */
export function isOlder(
  { major, minor }: QmpVersion,
  [a, b]: readonly [number, number],
): boolean {
  return major < a || (major === a && minor < b);
}

/** The driver behind Ganeti's and QEMU's words for it. */
export const VIRTIO_BLK = "virtio-blk-pci";

/**
 * QEMU's name of the part of a device that has the limits: virtio has its disk
 * in a device within the PCI device.
 */
export function limitedPart(driver: string, id: string): string {
  const isProxy = driver.startsWith("virtio-blk");
  return isProxy ? `/machine/peripheral/${id}/virtio-backend` : id;
}

/**
 * The same driver in the words of QEMU and of Ganeti: `--driver`, hvparam
 * `disk_type`.
 */
export const VIRTIO_BLK_WORDS: readonly string[] = [VIRTIO_BLK, "paravirtual"];

/** Whether a word of `--driver` or hvparam `disk_type` means virtio. */
export function isParavirtual(word: string): boolean {
  return VIRTIO_BLK_WORDS.includes(word);
}

/**
 * The cache mode; shared storage is never cached: SPEC 7.1.
 *
 * @throws {HotplugError} `unsupported` for a word that Ganeti does not have
 */
export function cacheMode(cache: string, devType: string): CacheMode {
  if (isShared(devType)) return { direct: true, writeCache: "on" };
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

/** The word for a cache mode; each mode has one word. */
export function cacheWord(
  { direct, writeCache }: CacheMode,
): typeof CACHES[number] {
  if (direct) return "none";
  return writeCache === "on" ? "writeback" : "writethrough";
}

/**
 * Checks that the settings are consistent.
 *
 * @throws {HotplugError} `refused` if `native` is asked for a cached disk,
 * `unsupported` for a word that Ganeti does not have
 */
export function checkSettings(
  settings: DiskSettings,
  devType: string,
  release?: QmpVersion,
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
  if (settings.aio === "io_uring" && release && isOlder(release, [5, 0])) {
    throw unsupported(
      "aio io_uring needs QEMU 5.0 or newer",
      "use --aio threads, which works with every QEMU",
    );
  }
  if (settings.aio !== "native" || direct) return;
  throw refuse(
    `aio native needs cache none or directsync: the cache is ${settings.cache}`,
    "use --cache none, or --aio threads",
  );
}

/**
 * The options with settings that differ from the settings of Ganeti's own
 * start.
 */
export function unlikeStart(
  settings: DiskSettings,
  hvparams: Hvparams,
  devType: string,
): string[] {
  const { diskCache, diskAio, diskDiscard } = hvparams;
  const isKnown = CACHES.some((one) => one === diskCache);
  const word = (cache: string) => cacheWord(cacheMode(cache, devType));
  const differs = {
    cache: !isKnown || word(settings.cache) !== word(diskCache),
    aio: settings.aio !== diskAio,
    discard: settings.discard !== diskDiscard,
    "read-only": settings.access === "ro",
  };
  return Object.entries(differs).flatMap(([name, isSo]) => isSo ? [name] : []);
}
