/**
 * Plans for disks. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import {
  blockdevArguments,
  type DiskDevice,
  diskDeviceArguments,
} from "../device/disk.ts";
import {
  accessFor,
  type DiskDriver,
  diskDriver,
} from "../device/disk_driver.ts";
import { protocolDriver } from "../device/dev_type.ts";
import {
  checkSettings,
  type DiskSettings,
  isReproducible,
} from "../device/disk_settings.ts";
import { diskEntry } from "../device/entry.ts";
import { controllerWords } from "../device/scsi_controller.ts";
import { titleOf } from "../device/select.ts";
import { uriObject } from "../device/uri_object.ts";
import { duplicate, refuse } from "../errors.ts";
import type { Source } from "../host/source.ts";
import type { IoLimits } from "../device/io_limits.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { Facts } from "../plan/facts.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import type { Decision } from "../engine/plan.ts";
import {
  alreadyThere,
  deviceStep,
  planAddition,
  twinOf,
} from "../plan/addition.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { checkDriver, comingOf, identityFor, refuseDriver } from "./driver.ts";
import { chooseWay, type WaySteps } from "./way.ts";
import { limitSteps, newLimits } from "./limits.ts";
import {
  checkFormat,
  checkUri,
  looksOther,
  looksShort,
  refuseUnfit,
} from "./fit.ts";
import { controllerSteps } from "./controller.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import type { DiskAdd } from "./request.ts";
import { newDiskView } from "./view.ts";
import { DISK } from "./name.ts";
import { verifyStep } from "./scsi_steps.ts";
import { DISK_NEEDS } from "./needs.ts";

/** The recorded disk that this request would add again, if there is one. */
function findTwin(
  facts: DiskAddFacts,
  { uuid, source }: DiskAdd,
): DiskEntry | undefined {
  const { disks } = facts.content.runtime;
  const named = twinOf(disks, facts, uuid.value);
  const same = disks.find((one) =>
    facts.source.kind === "uri"
      ? one.uri === facts.source.path
      : facts.diskIdentities[one.index] === facts.source.identity
  );
  if (named !== undefined && named !== same) {
    throw duplicate(
      `uuid ${uuid.value} is that of ${titleOf(named)}, whose source is ${
        named.uri ?? named.link
      }`,
    );
  }
  if (same !== undefined && named === undefined && uuid.origin === "given") {
    throw duplicate(
      `${source} is in use by this instance: it is ${
        titleOf(same)
      }, uuid ${same.uuid}`,
    );
  }
  return same;
}

function devTypeFor({ source }: DiskAddFacts, { ganeti }: DiskAdd): string {
  if (source.kind === "uri") {
    return ganeti?.devType ?? uriObject(source.path).devType;
  }
  if (ganeti !== undefined) {
    const { devType } = ganeti;
    const wantsFile = protocolDriver(devType) === "file";
    if (wantsFile === (source.kind === "file")) return devType;
    throw refuse(
      `Cannot use ${source.path} as a disk of type ${devType}: it leads to a ${
        source.kind === "file" ? "regular file" : "block device"
      }, which Ganeti's start would not take`,
    );
  }
  return devTypeOf(source);
}

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

function settingsOf(
  facts: Facts,
  { settings }: DiskAdd,
  driver: DiskDriver,
): DiskSettings {
  const { hvparams } = facts.content.runtime;
  return {
    cache: settings.cache ?? hvparams.diskCache,
    aio: settings.aio ?? hvparams.diskAio,
    discard: settings.discard ?? hvparams.diskDiscard,
    access: accessFor(driver, settings.access),
    queues: settings.queues,
  };
}

function newDisk(facts: DiskAddFacts, request: DiskAdd): DiskDevice {
  const { diskType } = facts.content.runtime.hvparams;
  const driver = diskDriver(request.driver ?? diskType);
  refuseDriver(facts, driver, request);
  const disk = {
    ...identityFor(facts, request, driver),
    driver,
    devType: devTypeFor(facts, request),
    source: facts.source.path,
    resolved: facts.source.resolved,
    sizeBytes: facts.chain?.sizeBytes ?? facts.source.sizeBytes,
    format: request.format,
    settings: settingsOf(facts, request, driver),
    iothread: request.iothread,
    object: request.ganeti?.object,
    uri: facts.source.kind === "uri" ? facts.source.path : undefined,
    link: request.ganeti?.link,
  };
  checkSettings(disk.settings, disk.devType, facts.qemu.version);
  refuseUnfit(facts, disk);
  return disk;
}

function checkMigratable(
  facts: DiskAddFacts,
  disk: DiskDevice,
  migratable: DiskAdd["migratable"],
): boolean {
  const { hvparams } = facts.content.runtime;
  const { settings, devType } = disk;
  if (!checkUri(disk, migratable)) return false;
  if (!checkDriver(facts, disk, migratable)) return false;
  if (!checkFormat(facts, disk, migratable)) return false;
  // An iothread is no state of the guest's: a target without it takes over.
  // Nor does a guest write to a CD-ROM, whatever a start opens it for.
  const access = disk.driver === "scsi-cd" ? "rw" : settings.access;
  const asPlugged = { ...settings, access };
  const reproducible = isReproducible(asPlugged, hvparams, devType);
  const mayBeStuck = migratable === "not-needed" || hvparams.origin === "adopt";
  if (reproducible || mayBeStuck) return reproducible;
  throw refuse(
    "Cannot add the disk with these settings: a start or migration from the runtime file would give it those of the hvparams",
    "leave out driver, cache, aio, discard, read-only and queues, or say --not-migratable",
  );
}

function addSteps(
  facts: DiskAddFacts,
  disk: DiskDevice,
  { from, before, opened, after, backing, limits }: WaySteps & {
    limits: IoLimits;
  },
) {
  const { note, limit } = limitSteps(facts, disk, { limits, before });
  const release = facts.qemu.version;
  return {
    before: [
      ...before,
      ...note,
      qmpStep(
        "blockdev-add",
        blockdevArguments(disk, { from, release, backing }),
        command("blockdev-del", { "node-name": disk.id }),
      ),
      ...opened,
      ...controllerSteps(disk.controller),
    ],
    plug: deviceStep(diskDeviceArguments(disk)),
    after: [...limit, ...after],
    verify: verifyStep(disk),
  };
}

/**
 * Plans to add a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskAdd(request: DiskAdd, facts: DiskAddFacts): Decision {
  refuseImpossible(facts, DISK_NEEDS["disk-add"]);
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, DISK, twin);
  const disk = newDisk(facts, request);
  const reproducible = checkMigratable(facts, disk, request.migratable);
  const { via, steps } = chooseWay(facts, disk, request.via);
  const { uuid } = disk;
  const limits = newLimits(facts.own, uuid, request);
  const index = facts.content.runtime.disks.length;
  const { controller } = disk;
  return planAddition(facts, {
    kind: DISK,
    identity: disk,
    entry: diskEntry(disk, { index, reproducible }),
    words: controller && controllerWords(controller),
    view: newDiskView(disk, { index, via, limits }),
    ...addSteps(facts, disk, { ...steps, limits }),
    warnings: [
      ...reproducible
        ? []
        : ["Ganeti cannot start or migrate the instance with this disk"],
      ...looksOther(facts, disk),
      ...looksShort(facts, disk),
      ...comingOf(facts, disk),
    ],
  });
}
