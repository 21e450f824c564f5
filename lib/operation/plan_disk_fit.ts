/**
 * Whether a source fits the disk that is to be made of it. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { refuse } from "../errors.ts";
import type { Facts } from "./facts.ts";
import type { DiskAddFacts } from "./facts_disk_add.ts";
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
