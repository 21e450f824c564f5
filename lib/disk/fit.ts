/**
 * Whether a source fits the disk that is to be made of it. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { accessFor, findDriver } from "../device/disk_driver.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { refuse, type Remark, remark } from "../errors.ts";
import type { Source } from "../host/source.ts";
import { numberMember, parseJson } from "../state/json.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";
import type { Lack } from "./start_fault.ts";

/**
 * Ganeti's word for a file or block device.
 *
 * @throws {HotplugError} `refused` if its start would not take it
 */
export function devTypeOf(source: Source): string {
  if (source.kind === "file") return "file";
  // Ganeti's start only takes a block device that lies under /dev.
  if (source.resolved.startsWith("/dev/")) return "blockdev";
  throw refuse(
    `Cannot use source ${source.path}: a block device must lie under /dev`,
  );
}

/**
 * Refuses a source that QEMU could not use so, or that somebody else uses.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseUnfit(
  { path, inUseBy, direct }: Source,
  { settings: { cache }, devType }: Pick<DiskDevice, "settings" | "devType">,
): void {
  if (inUseBy !== undefined) {
    throw refuse(
      `Cannot use source ${path}: ${inUseBy} uses it (image lock)`,
    );
  }
  if (direct === false && cacheMode(cache, devType).direct) {
    throw refuse(
      `Cache setting ${cache} needs O_DIRECT, but the file system of ${path} does not support it`,
    );
  }
}

/**
 * A request, and the options without which its source cannot be what it is to
 * be: one refusal names them all.
 */
export function withLacks(
  { source, content }: DiskAddFacts,
  request: DiskAdd,
): { whole: DiskAdd; lacks: readonly Lack[] } {
  const { settings, format, ganeti } = request;
  const { path, kind, magic, writeFault } = source;
  const cannot = `Cannot add ${path}`;
  const driver = findDriver(
    request.driver ?? content.runtime.hvparams.diskType,
  );
  const isFixed = writeFault !== undefined &&
    accessFor(driver, settings.access) === "rw";
  // A guest can write what looks like an image into a disk of its own: nobody
  // is asked of one that a master plugs, or of a block device.
  const isImage = format === undefined && ganeti === undefined &&
    kind === "file" && magic === "qcow2";
  const image: Lack = {
    cannot,
    why: "it is a qcow2 image, and --format is missing",
    instead: "give --format raw if the guest must see the file itself",
    option: ["--format", "qcow2"],
  };
  const fixed: Lack = {
    cannot,
    why: `it cannot be written to (${writeFault})`,
    option: ["--read-only"],
  };
  return {
    whole: {
      ...request,
      ...(isImage && { format: "qcow2" }),
      ...(isFixed && { settings: { ...settings, access: "ro" } }),
    },
    lacks: [...isImage ? [image] : [], ...isFixed ? [fixed] : []],
  };
}

/** What nobody said the format of is raw, whatever it looks like. */
export function looksOther(
  { source }: DiskAddFacts,
  { format }: DiskDevice,
): Remark | undefined {
  if (format !== undefined || source.magic !== "qcow2") return undefined;
  return remark(
    "looks-like-qcow2",
    `${source.path} looks like a qcow2 image but was added as raw`,
    {
      hint: "if it is a qcow2 image, remove it and add it with --format qcow2",
    },
  );
}

const MIB = 1024 * 1024;

/** A master that describes another disk than its link leads to. */
export function looksShort(
  { source }: DiskAddFacts,
  { object, sizeBytes }: DiskDevice,
): Remark | undefined {
  if (object === undefined || source.kind === "uri") return undefined;
  const described = numberMember(parseJson(object), "size") ?? 0;
  const sizeMib = sizeBytes / MIB;
  if (sizeMib > described - 1) return undefined;
  const has = Math.floor(sizeMib);
  return remark(
    "smaller-than-described",
    `${source.path} has ${has} MiB, but the disk in the request has ${described} MiB`,
  );
}
