/**
 * Whether a source fits its new disk. Pure.
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
 * @throws {HotplugError} `refused` if its start would not accept the source
 */
export function devTypeOf(source: Source): string {
  if (source.kind === "file") return "file";
  // Ganeti's start accepts only a block device below /dev.
  if (source.resolved.startsWith("/dev/")) return "blockdev";
  throw refuse(
    `Cannot use source ${source.path}: a block device must lie under /dev`,
  );
}

/**
 * Refuses a source that QEMU could not use in this way, or that is in use.
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
 * A request, and the options without which its source cannot be used as
 * requested: one refusal names them all.
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
  // A guest can write data that looks like an image into its own disk: a disk
  // from a master, or a block device, is not refused.
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

/** A source without a given format is raw, whatever it looks like. */
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

/** The master describes another disk than its link leads to. */
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
