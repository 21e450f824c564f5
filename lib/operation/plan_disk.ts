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
} from "../device/disk.ts";
import { protocolDriver } from "../device/dev_type.ts";
import {
  cacheMode,
  checkSettings,
  type DiskSettings,
  isReproducible,
} from "../device/disk_settings.ts";
import { diskEntry } from "../device/entry.ts";
import { titleOf } from "../device/select.ts";
import { duplicate, refuse } from "../errors.ts";
import type { Via } from "../host/access_record.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import type { QmpVersion } from "../qmp/message.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { Facts } from "./facts.ts";
import type { DiskAddFacts } from "./facts_disk_add.ts";
import type { Decision } from "./plan.ts";
import {
  alreadyThere,
  deviceStep,
  newIdentity,
  planAddition,
} from "./plan_addition.ts";
import { chooseAccess } from "./plan_access.ts";
import { command, qmpStep } from "./plan_common.ts";
import { refuseImpossible, refuseMissingCommands } from "./requirements.ts";
import type { DiskAdd } from "./request.ts";
import type { Step } from "./step.ts";
import { newDiskView } from "./view.ts";

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

function devTypeOf({ source }: DiskAddFacts, { ganeti }: DiskAdd): string {
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
    devType: devTypeOf(facts, request),
    source: facts.source.path,
    resolved: facts.source.resolved,
    sizeBytes: facts.source.sizeBytes,
    settings: settingsOf(facts, request),
    iothread: request.iothread,
    object: request.ganeti?.object,
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

/** The disk goes opened, in an fd set of its own, which then goes again. */
function fdsetSteps(facts: DiskAddFacts, disk: DiskDevice): AddSteps {
  const fdset = Math.max(0, ...facts.qemu.fdsets.map((one) => one.id)) + 1;
  const set = { "fdset-id": fdset };
  const opaque = `kvm-hotplug disk-add ${disk.uuid}`;
  const { access, cache } = disk.settings;
  const { direct } = cacheMode(cache, disk.devType);
  const { path, identity } = facts.source;
  return {
    filename: `/dev/fdset/${fdset}`,
    before: [
      { kind: "open-source", path, identity, access, direct },
      {
        ...qmpStep("add-fd", { ...set, opaque }, command("remove-fd", set)),
        fd: "source",
      },
    ],
    after: [qmpStep("remove-fd", set, null)],
  };
}

/** What comes before and after the disk itself, and what QEMU opens. */
interface AddSteps {
  readonly filename: string;
  readonly before: readonly Step[];
  readonly after: readonly Step[];
}

function addSteps(
  disk: DiskDevice,
  { filename, before, after }: AddSteps,
  release: QmpVersion,
): Step[] {
  return [
    ...before,
    qmpStep(
      "blockdev-add",
      blockdevArguments(disk, { from: { filename }, release }),
      command("blockdev-del", { "node-name": disk.id }),
    ),
    deviceStep(diskDeviceArguments(disk)),
    ...after,
  ];
}

/** The way to the disk: opened, or by a path of QEMU's own. */
function accessOf(
  facts: DiskAddFacts,
  disk: DiskDevice,
  via: DiskAdd["via"],
): { via: Via; steps: AddSteps } {
  if (via === "uri") {
    throw refuse("Option --via uri goes with a URI as the source");
  }
  const { id, uuid, settings } = disk;
  const chosen = chooseAccess(facts, { via, id, uuid, mode: settings.access });
  if (chosen === undefined) {
    refuseMissingCommands(facts.qemu, FDSET_COMMANDS);
    return { via: "fdset", steps: fdsetSteps(facts, disk) };
  }
  const { filename, steps } = chosen;
  return { via: chosen.via, steps: { filename, before: steps, after: [] } };
}

/**
 * Plans to add a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskAdd(request: DiskAdd, facts: DiskAddFacts): Decision {
  refuseImpossible(facts, "disk-add");
  const twin = findTwin(facts, request);
  if (twin !== undefined) return alreadyThere(facts, twin);
  const disk = newDisk(facts, request);
  const reproducible = checkMigratable(facts, disk, request.migratable);
  const { via, steps } = accessOf(facts, disk, request.via);
  const index = facts.content.runtime.disks.length;
  return planAddition(facts, {
    kind: "disk",
    identity: disk,
    entry: diskEntry(disk, { index, reproducible }),
    view: newDiskView(disk, { index, via }),
    steps: addSteps(disk, steps, facts.qemu.version),
    warnings: reproducible
      ? []
      : ["Ganeti cannot start or migrate the instance with this disk"],
  });
}
