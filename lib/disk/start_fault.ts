/**
 * Whether a start from the runtime file, or a migration, makes the same disk.
 * Pure.
 *
 * @module
 */

import type { DiskDevice } from "../device/disk.ts";
import { heedsDrivers, isPassThrough, isScsi } from "../device/disk_driver.ts";
import { unlikeStart } from "../device/disk_settings.ts";
import { startsWith } from "../device/scsi_target.ts";
import { uriObject } from "../device/uri_object.ts";
import { HotplugError } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";
import { commandLine } from "../state/instance.ts";

/** A setting that a request may have only with an option. */
interface Fault {
  /** The refused action: `Cannot add …`. */
  readonly cannot: string;
  readonly why: string;
  /** An alternative. */
  readonly instead?: string | undefined;
}

/** An option that a request lacks. */
export interface Lack extends Fault {
  /** Words of the command line. */
  readonly option: readonly string[];
}

/** Why a start would not make the same disk. */
export interface StartFault extends Fault {
  /** `no-matter`: Ganeti never starts from a file that `adopt` made. */
  readonly adopted?: "no-matter";
}

/** One refusal for all of them, at least one. */
function refuseLacks(all: readonly Lack[]): HotplugError {
  const why = all.map((one) => one.why).join("; ");
  const lacks = all.flatMap(({ option }) => option);
  const say = `to add it anyway, give ${lacks.join(" ")}`;
  const [first] = all;
  return new HotplugError("refused", `${first?.cannot}: ${why}`, {
    hint: first?.instead === undefined ? say : `${first.instead}; or ${say}`,
    lacks,
  });
}

/**
 * Checks whether a start makes the same disk.
 *
 * @param fault undefined if it does
 * @param lacks further options that the request lacks
 * @throws {HotplugError} `refused` if it does not and must, or if an option is
 * missing
 */
export function checkStart(
  fault: StartFault | undefined,
  { content }: Pick<Facts, "content">,
  { migratable, lacks = [] }: Pick<DiskAdd, "migratable"> & {
    readonly lacks?: readonly Lack[];
  },
): boolean {
  const isAdopted = content.runtime.hvparams.origin === "adopt";
  const isNeeded = migratable === "required" &&
    !(fault?.adopted === "no-matter" && isAdopted);
  const all = fault !== undefined && isNeeded
    ? [...lacks, { ...fault, option: ["--not-migratable"] }]
    : lacks;
  if (all.length > 0) throw refuseLacks(all);
  return fault === undefined;
}

/** The start may not reach the disk by its URI. */
function uriFault(
  { release }: DiskAddFacts,
  { uri, object }: DiskDevice,
): StartFault | undefined {
  if (uri === undefined || object !== undefined) return undefined;
  const { reproducible, since } = uriObject(uri);
  const isOld = since === "newer" && release !== "newer";
  if (reproducible && !isOld) return undefined;
  const why = isOld && reproducible
    ? "a start or migration by Ganeti 3.1 could not open it with an RBD user"
    : "a start or migration from the runtime file could not open it";
  return { cannot: `Cannot add ${uri}`, why };
}

/** Why a start from the file would not make the same device. */
function deviceFault(
  { content, source, scsi }: DiskAddFacts,
  { driver, place, controller }: DiskDevice,
): string | undefined {
  const { hvparams: { diskType }, kvmCmd } = content.runtime;
  if (!heedsDrivers(diskType)) {
    return `with hvparam disk_type ${diskType} Ganeti ignores the driver of a disk`;
  }
  if (driver === "nvme") {
    return "neither Ganeti nor QEMU's migration supports nvme";
  }
  if (!isScsi(driver)) return undefined;
  if (isPassThrough(driver) && diskType !== driver) {
    return `Ganeti since 3.1 sets write-cache of every disk, but ${driver} does not have it`;
  }
  const bus = scsi.find(({ name }) => name === place.bus);
  const isMade = bus !== undefined && startsWith(kvmCmd, bus);
  if (!isMade && controller === undefined) {
    return `its kvm_cmd has no controller for ${place.bus}`;
  }
  if (driver === "scsi-cd" && source.writeFault !== undefined) {
    return `it opens every disk for writing, but this source cannot be written (${source.writeFault})`;
  }
  return undefined;
}

/** An empty controller that was plugged by hand can make room. */
function insteadOf(
  { paths, content, scsi }: DiskAddFacts,
  { place }: DiskDevice,
): string | undefined {
  const [bus, ...others] = scsi;
  const isIdle = bus?.id !== undefined && others.length === 0 &&
    bus.name === place.bus && bus.children.length === 0 &&
    !startsWith(content.runtime.kvmCmd, bus);
  return isIdle
    ? `remove this controller (${
      commandLine(paths, "qmp", paths.name, "device_del", `id=${bus.id}`)
    }), then add the disk: this also adds a controller`
    : undefined;
}

/** The start may not make the device, because of its driver. */
function driverFault(
  facts: DiskAddFacts,
  disk: DiskDevice,
): StartFault | undefined {
  const why = deviceFault(facts, disk);
  return why === undefined ? undefined : {
    cannot: `Cannot add a ${disk.driver} on ${disk.place.bus}`,
    why:
      `a start or migration from the runtime file could not make the same device: ${why}`,
    instead: insteadOf(facts, disk),
  };
}

/** The start opens every image as raw. */
function formatFault(
  { format = "raw" }: DiskDevice,
): StartFault | undefined {
  return format === "raw" ? undefined : {
    cannot: `Cannot add a disk of format ${format}`,
    why:
      "a start or migration from the runtime file would use the image as a raw disk",
    adopted: "no-matter",
  };
}

/** The start gives every disk the settings of the hvparams. */
function settingsFault(
  { content }: DiskAddFacts,
  { settings, devType, driver }: DiskDevice,
): StartFault | undefined {
  // An iothread is not part of the guest's state: a target without it can take
  // over. And no guest writes to a CD-ROM, however a start opens it.
  const access = driver === "scsi-cd" ? "rw" : settings.access;
  const { hvparams } = content.runtime;
  const others = unlikeStart({ ...settings, access }, hvparams, devType);
  if (others.length === 0) return undefined;
  return {
    cannot: "Cannot add the disk with these settings",
    why:
      "a start or migration from the runtime file would use the settings of the hvparams",
    instead: `omit ${others.map((one) => `--${one}`).join(", ")}`,
    adopted: "no-matter",
  };
}

/** Why a start would not make this disk again; undefined if it would. */
export function startFault(
  facts: DiskAddFacts,
  disk: DiskDevice,
): StartFault | undefined {
  return uriFault(facts, disk) ?? driverFault(facts, disk) ??
    formatFault(disk) ?? settingsFault(facts, disk);
}
