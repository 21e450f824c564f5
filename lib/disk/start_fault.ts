/**
 * Whether a start from the runtime file, or a migration into one, makes the
 * same disk. Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { heedsDrivers, isPassThrough, isScsi } from "../device/disk_driver.ts";
import { isReproducible } from "../device/disk_settings.ts";
import { startsWith } from "../device/scsi_target.ts";
import { uriObject } from "../device/uri_object.ts";
import { refuse } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";
import { commandLine } from "../state/instance.ts";

/** Why a start would not make the same disk. */
export interface StartFault {
  /** What cannot be done, and why. */
  readonly message: string;
  readonly hint: string;
  /** `no-matter`: Ganeti never starts from a file that `adopt` made. */
  readonly adopted?: "no-matter";
}

const IF_MEANT = "say --not-migratable, if that is meant";

/**
 * Whether a start makes the same disk.
 *
 * @param fault undefined if it does
 * @throws {HotplugError} `refused` if it does not and must
 */
export function checkStart(
  fault: StartFault | undefined,
  { content }: Pick<Facts, "content">,
  { migratable }: Pick<DiskAdd, "migratable">,
): boolean {
  if (fault === undefined) return true;
  const isAdopted = content.runtime.hvparams.origin === "adopt";
  if (migratable === "not-needed") return false;
  if (fault.adopted === "no-matter" && isAdopted) return false;
  throw refuse(fault.message, fault.hint);
}

/** It may not reach the disk by its URI. */
function uriFault(
  { uri, object }: DiskDevice,
): StartFault | undefined {
  if (uri === undefined || object !== undefined) return undefined;
  if (uriObject(uri).reproducible) return undefined;
  const message =
    `Cannot add ${uri}: a start or migration from the runtime file could not reach it`;
  return { message, hint: IF_MEANT };
}

/** Why a start from the file would not make the same device. */
function deviceFault(
  { content, source, scsi }: DiskAddFacts,
  { driver, place, controller }: DiskDevice,
): string | undefined {
  const { hvparams: { diskType }, kvmCmd } = content.runtime;
  if (!heedsDrivers(diskType)) {
    return `with hvparam disk_type ${diskType} it heeds no disk's driver`;
  }
  if (driver === "nvme") {
    return "Ganeti has no word for nvme, and QEMU migrates none";
  }
  if (!isScsi(driver)) return undefined;
  if (isPassThrough(driver) && diskType !== driver) {
    return `Ganeti since 3.1 sets write-cache of every disk, which a ${driver} does not have`;
  }
  const bus = scsi.find(({ name }) => name === place.bus);
  const isMade = bus !== undefined && startsWith(kvmCmd, bus);
  if (!isMade && controller === undefined) {
    return `its fixed part (kvm_cmd) has no controller for ${place.bus}`;
  }
  if (driver === "scsi-cd" && source.writeFault !== undefined) {
    return `it opens every disk for writing, which fails here (${source.writeFault})`;
  }
  return undefined;
}

/** A controller that was plugged by hand and is empty can make room. */
function insteadOf(
  { paths, content, scsi }: DiskAddFacts,
  { place }: DiskDevice,
): string {
  const [bus, ...others] = scsi;
  const isIdle = bus?.id !== undefined && others.length === 0 &&
    bus.name === place.bus && bus.children.length === 0 &&
    !startsWith(content.runtime.kvmCmd, bus);
  return isIdle
    ? `; or let the disk bring its own controller, once ${
      commandLine(paths, "qmp", paths.name, "device_del", `id=${bus.id}`)
    } has taken this one out`
    : "";
}

/** It may not make the device, by its driver. */
function driverFault(
  facts: DiskAddFacts,
  disk: DiskDevice,
): StartFault | undefined {
  const why = deviceFault(facts, disk);
  return why === undefined ? undefined : {
    message:
      `Cannot add a ${disk.driver} on ${disk.place.bus}: a start or migration from the runtime file could not repeat it: ${why}`,
    hint: IF_MEANT + insteadOf(facts, disk),
  };
}

/** It opens every image as raw. */
function formatFault(
  { format = "raw" }: DiskDevice,
): StartFault | undefined {
  return format === "raw" ? undefined : {
    message:
      `Cannot add a disk of format ${format}: a start or migration from the runtime file would take the image for a raw disk`,
    hint: IF_MEANT,
    adopted: "no-matter",
  };
}

/** It gives every disk the settings of the hvparams. */
function settingsFault(
  { content }: DiskAddFacts,
  { settings, devType, driver }: DiskDevice,
): StartFault | undefined {
  // An iothread is no state of the guest's: a target without it takes over.
  // Nor does a guest write to a CD-ROM, whatever a start opens it for.
  const access = driver === "scsi-cd" ? "rw" : settings.access;
  const { hvparams } = content.runtime;
  if (isReproducible({ ...settings, access }, hvparams, devType)) {
    return undefined;
  }
  return {
    message:
      "Cannot add the disk with these settings: a start or migration from the runtime file would give it those of the hvparams",
    hint:
      "leave out driver, cache, aio, discard, read-only and queues, or say --not-migratable",
    adopted: "no-matter",
  };
}

/** Why a start would not make this disk again; undefined if it would. */
export function startFault(
  facts: DiskAddFacts,
  disk: DiskDevice,
): StartFault | undefined {
  return uriFault(disk) ?? driverFault(facts, disk) ??
    formatFault(disk) ?? settingsFault(facts, disk);
}
