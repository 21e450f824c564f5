/**
 * Plans for disks. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import {
  blockdevArguments,
  type DiskDevice,
  diskDeviceArguments,
  diskDriver,
  diskEntry,
} from "../device/disk.ts";
import {
  cacheMode,
  checkSettings,
  type DiskSettings,
  isReproducible,
} from "../device/disk_settings.ts";
import { titleOf } from "../device/select.ts";
import { duplicate, refuse } from "../errors.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import type { DiskAddFacts } from "./facts_disk.ts";
import type { Decision } from "./plan.ts";
import {
  alreadyThere,
  deviceStep,
  newIdentity,
  planAddition,
} from "./plan_addition.ts";
import { command, qmpStep, refuseImpossible } from "./plan_common.ts";
import type { DiskAdd } from "./request.ts";
import type { Step } from "./step.ts";
import { newDiskView } from "./view.ts";

const ADD_COMMANDS = [
  "add-fd",
  "remove-fd",
  "query-fdsets",
  "blockdev-add",
  "blockdev-del",
  "device_add",
  "device_del",
];

/** The recorded disk that this request would add again, if there is one. */
function findTwin(
  facts: DiskAddFacts,
  { uuid, source }: DiskAdd,
): DiskEntry | undefined {
  const { disks, nics } = facts.content.runtime;
  const nic = nics.find((one) => one.uuid?.toLowerCase() === uuid.value);
  if (nic) throw duplicate(`uuid ${uuid.value} is that of ${titleOf(nic)}`);
  const same = disks.find((one) =>
    facts.diskIdentities[one.index] === facts.source.identity
  );
  const named = disks.find((one) => one.uuid?.toLowerCase() === uuid.value);
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

function devTypeOf({ source }: DiskAddFacts): string {
  if (source.kind === "file") return "file";
  // Ganeti's start only takes a block device that lies under /dev.
  if (source.resolved.startsWith("/dev/")) return "blockdev";
  throw refuse(
    `Cannot use source ${source.path}: a block device must lie under /dev`,
  );
}

function settingsOf(facts: Facts, { settings }: DiskAdd): DiskSettings {
  const { hvparams } = facts.content.runtime;
  return {
    cache: settings.cache ?? hvparams.diskCache,
    aio: settings.aio ?? hvparams.diskAio,
    discard: settings.discard ?? hvparams.diskDiscard,
    access: settings.access ?? "rw",
    queues: settings.queues,
  };
}

function newDisk(facts: DiskAddFacts, request: DiskAdd): DiskDevice {
  diskDriver(request.driver ?? facts.content.runtime.hvparams.diskType);
  const disk = {
    ...newIdentity(facts, "disk", request),
    devType: devTypeOf(facts),
    source: facts.source.path,
    resolved: facts.source.resolved,
    sizeBytes: facts.source.sizeBytes,
    settings: settingsOf(facts, request),
    iothread: request.iothread,
  };
  checkSettings(disk.settings, disk.devType, facts.qemu.version);
  refuseUnfit(facts, disk);
  return disk;
}

/** @throws {HotplugError} `refused` where QEMU would fail later */
function refuseUnfit(facts: DiskAddFacts, disk: DiskDevice) {
  const { iothread, settings, devType } = disk;
  if (iothread !== undefined && !facts.iothreads.has(iothread)) {
    const there = [...facts.iothreads].join(", ") || "none";
    throw refuse(`The VM has no iothread ${iothread}; there is ${there}`);
  }
  if (
    cacheMode(settings.cache, devType).direct && facts.source.direct === false
  ) {
    throw refuse(
      `The file system of ${disk.source} cannot do without the page cache (O_DIRECT), which cache ${settings.cache} asks for`,
    );
  }
}

function checkMigratable(
  facts: Facts,
  { settings, devType }: DiskDevice,
  migratable: DiskAdd["migratable"],
): boolean {
  const { hvparams } = facts.content.runtime;
  // An iothread is no state of the guest's: a target without it takes over.
  const reproducible = isReproducible(settings, hvparams, devType);
  if (reproducible || migratable === "not-needed") return reproducible;
  throw refuse(
    "Cannot add the disk with these settings: a start or migration from the runtime file would give it those of the hvparams",
    "leave out driver, cache, aio, discard, read-only and queues, or say --not-migratable",
  );
}

function addSteps(facts: DiskAddFacts, disk: DiskDevice): Step[] {
  const fdset = Math.max(0, ...facts.qemu.fdsets.map((one) => one.id)) + 1;
  const set = { "fdset-id": fdset };
  const opaque = `kvm-hotplug disk-add ${disk.uuid}`;
  const node = { "node-name": disk.id };
  const { access, cache } = disk.settings;
  const { direct } = cacheMode(cache, disk.devType);
  const { path, identity } = facts.source;
  return [
    { kind: "open-source", path, identity, access, direct },
    {
      ...qmpStep("add-fd", { ...set, opaque }, command("remove-fd", set)),
      fd: "source",
    },
    qmpStep(
      "blockdev-add",
      blockdevArguments(disk, {
        from: { filename: `/dev/fdset/${fdset}` },
        release: facts.qemu.version,
      }),
      command("blockdev-del", node),
    ),
    deviceStep(diskDeviceArguments(disk)),
    qmpStep("remove-fd", set, null),
  ];
}

/**
 * Plans to add a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskAdd(request: DiskAdd, facts: DiskAddFacts): Decision {
  refuseImpossible(facts, ADD_COMMANDS);
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, twin);
  const disk = newDisk(facts, request);
  const reproducible = checkMigratable(facts, disk, request.migratable);
  const index = facts.content.runtime.disks.length;
  return planAddition(facts, {
    kind: "disk",
    identity: disk,
    entry: diskEntry(disk, { index, reproducible }),
    view: newDiskView(disk, index),
    steps: addSteps(facts, disk),
    warnings: reproducible
      ? []
      : ["Ganeti cannot start or migrate the instance with this disk"],
  });
}
