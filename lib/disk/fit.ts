/**
 * Whether a source fits the disk that is to be made of it. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { uriObject } from "../device/uri_object.ts";
import { refuse } from "../errors.ts";
import { parseJson } from "../state/json.ts";
import { numberMember } from "../state/json_member.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";

function refuseSource(
  { source }: Pick<DiskAddFacts, "source">,
  { settings }: Pick<DiskDevice, "settings">,
) {
  if (source.inUseBy !== undefined) {
    throw refuse(
      `Cannot use source ${source.path}: ${source.inUseBy} has it in use, by its image lock`,
    );
  }
  if (settings.access === "rw" && source.writeFault !== undefined) {
    throw refuse(
      `Cannot use source ${source.path}: it cannot be written to (${source.writeFault})`,
      "--read-only adds it for reading",
    );
  }
}

/** What of a disk must fit. */
export type Fit = Pick<
  DiskDevice,
  "settings" | "devType" | "source" | "iothread" | "format" | "uri"
>;

/**
 * Refuses what would fail later, or harm somebody.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseUnfit(
  facts: Pick<DiskAddFacts, "source" | "iothreads">,
  disk: Fit,
) {
  const { iothread, settings, devType } = disk;
  if (iothread !== undefined && !facts.iothreads.has(iothread)) {
    const there = [...facts.iothreads].join(", ") || "none";
    throw refuse(`The VM has no iothread ${iothread}; there is ${there}`);
  }
  refuseSource(facts, disk);
  if (disk.format === "qcow2" && disk.uri !== undefined) {
    throw refuse(
      "Option --format qcow2 goes with a file or block device as the source",
    );
  }
  if (
    cacheMode(settings.cache, devType).direct && facts.source.direct === false
  ) {
    throw refuse(
      `The file system of ${disk.source} cannot do without the page cache (O_DIRECT), which cache ${settings.cache} asks for`,
    );
  }
}

/** A guest can write what looks like an image: the format is as said. */
export function looksOther(
  { source }: DiskAddFacts,
  { format = "raw" }: DiskDevice,
): string[] {
  if (format !== "raw" || source.magic !== "qcow2") return [];
  return [
    `${source.path} begins as a qcow2 image does and is added as raw all the same: --format qcow2, if that is meant`,
  ];
}

const MIB = 1024 * 1024;

/** A master that describes another disk than its link leads to. */
export function looksShort(
  { source, chain }: DiskAddFacts,
  { object }: DiskDevice,
): string[] {
  if (object === undefined || source.kind === "uri") return [];
  const described = numberMember(parseJson(object), "size") ?? 0;
  const sizeMib = (chain?.sizeBytes ?? source.sizeBytes) / MIB;
  if (sizeMib > described - 1) return [];
  return [
    `${source.path} has ${
      Math.floor(sizeMib)
    } MiB, and the disk that was described has ${described}`,
  ];
}

/**
 * Whether Ganeti's start would open the image as this format: it opens every
 * one as raw.
 *
 * @throws {HotplugError} `refused` unless that does not matter
 */
export function checkFormat(
  { content }: Facts,
  { format = "raw" }: DiskDevice,
  migratable: DiskAdd["migratable"],
): boolean {
  if (format === "raw") return true;
  const { origin } = content.runtime.hvparams;
  if (migratable === "not-needed" || origin === "adopt") return false;
  throw refuse(
    `Cannot add a disk of format ${format}: a start or migration from the runtime file would take the image for a raw disk`,
    "say --not-migratable, if that is meant",
  );
}

/**
 * Whether Ganeti's start would reach the same disk by its URI.
 *
 * @throws {HotplugError} `refused` unless that does not matter
 */
export function checkUri(
  { uri, object }: DiskDevice,
  migratable: DiskAdd["migratable"],
): boolean {
  if (uri === undefined || object !== undefined) return true;
  const { reproducible } = uriObject(uri);
  if (reproducible || migratable === "not-needed") return reproducible;
  throw refuse(
    `Cannot add ${uri}: a start or migration from the runtime file could not reach it`,
    "say --not-migratable, if that is meant",
  );
}
