/**
 * Plans to add disks. Pure: the same request and facts give the same plan.
 *
 * @module
 */

import { protocolDriver } from "../device/dev_type.ts";
import { type DiskDevice, diskDeviceArguments } from "../device/disk.ts";
import { accessFor, diskDriver } from "../device/disk_driver.ts";
import { checkSettings } from "../device/disk_settings.ts";
import { diskEntry } from "../device/entry.ts";
import { type IoLimits, LIMIT_NAMES } from "../device/io_limits.ts";
import { controllerWords } from "../device/scsi_controller.ts";
import { uriObject } from "../device/uri_object.ts";
import type { Plan } from "../engine/plan.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import { refuse, type Remark, remark } from "../errors.ts";
import type { Via } from "../host/access_record.ts";
import {
  alreadyThere,
  deviceStep,
  entryChange,
  planAddition,
  twinOf,
} from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import { planFinish } from "../plan/finish.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import type { DiskAddFacts } from "./add_facts.ts";
import { diskOptions } from "./again.ts";
import {
  comingOf,
  controllerSteps,
  identityFor,
  refuseDriver,
} from "./driver.ts";
import {
  devTypeOf,
  looksOther,
  looksShort,
  refuseUnfit,
  withLacks,
} from "./fit.ts";
import { limitSteps } from "./limits.ts";
import { chooseIothread } from "./iothread.ts";
import {
  chooseProperties,
  propertiesFor,
  propertyWarnings,
} from "./properties.ts";
import { DISK } from "./name.ts";
import { checkStart, startFault } from "./start_fault.ts";
import type { DiskAdd } from "./request.ts";
import type { ScsiFacts } from "./scsi.ts";
import { verifyStep } from "./scsi_place.ts";
import type { DiskStep } from "./steps.ts";
import type { CommandChange } from "../state/command_change.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { twinDisk } from "./there.ts";
import { newDiskView } from "./view.ts";
import { chooseWay, nodeStep, verifyNodes } from "./way.ts";

function devTypeFor({ source }: DiskAddFacts, { ganeti }: DiskAdd): string {
  if (source.kind === "uri") {
    return ganeti?.devType ?? uriObject(source.path).devType;
  }
  if (ganeti === undefined) return devTypeOf(source);
  const { devType } = ganeti;
  const wantsFile = protocolDriver(devType) === "file";
  if (wantsFile === (source.kind === "file")) return devType;
  throw refuse(
    `Cannot use ${source.path} as a disk of type ${devType}: it leads to a ${
      source.kind === "file" ? "regular file" : "block device"
    }, which Ganeti's start would not accept`,
  );
}

/** Refuses options that do not fit the VM and the source. */
function refuseOptions(
  { source, iothreads }: DiskAddFacts,
  { properties, format }: DiskAdd,
): void {
  const iothread = properties?.iothread?.toString();
  if (iothread !== undefined && !iothreads.has(iothread)) {
    const there = [...iothreads].join(", ") || "none";
    throw refuse(`The VM has no iothread ${iothread}; iothreads: ${there}`);
  }
  if (format === "qcow2" && source.kind === "uri") {
    throw refuse(
      "Option --format qcow2 needs a file or a block device as SOURCE",
    );
  }
}

function newDisk(facts: DiskAddFacts, request: DiskAdd): DiskDevice {
  const { hvparams } = facts.content.runtime;
  const { source, chain, qemu } = facts;
  const { settings, format, ganeti } = request;
  const { iothread } = chooseIothread(facts, request);
  const driver = diskDriver(request.driver ?? hvparams.diskType);
  refuseDriver(facts, driver, request);
  const given = chooseProperties(facts, request, { driver, iothread });
  const disk = {
    ...identityFor(facts, request, driver),
    driver,
    devType: devTypeFor(facts, request),
    source: source.path,
    resolved: source.resolved,
    sizeBytes: chain?.sizeBytes ?? source.sizeBytes,
    format,
    settings: {
      cache: settings.cache ?? hvparams.diskCache,
      aio: settings.aio ?? hvparams.diskAio,
      discard: settings.discard ?? hvparams.diskDiscard,
      access: accessFor(driver, settings.access),
    },
    given,
    properties: propertiesFor(facts, given),
    object: ganeti?.object,
    uri: source.kind === "uri" ? source.path : undefined,
    link: ganeti?.link,
  };
  checkSettings(disk.settings, disk.devType, qemu.version);
  refuseOptions(facts, request);
  refuseUnfit(source, disk);
  return disk;
}

/** How a new disk is added to QEMU. */
export interface Coming {
  /** Null for a drive without a medium. */
  readonly via: Via | null;
  readonly limits?: IoLimits;
  readonly limitGroup?: string | undefined;
  /** Arguments of `device_add`. */
  readonly plug: QmpCommand["arguments"];
  /**
   * The steps that make the things that the device needs, without its
   * controller.
   */
  readonly before: readonly DiskStep[];
  readonly after: readonly DiskStep[];
  /**
   * The words that it adds to `kvm_cmd`. @default the words of its controller,
   * if any
   */
  readonly words?: CommandChange | undefined;
  /** Whether a start from the runtime file makes the same disk. */
  readonly reproducible: boolean;
  readonly warnings: readonly (Remark | undefined)[];
}

/** The plan for a new disk, or for a drive without a medium. */
export function planNewDisk(
  facts: Facts & ScsiFacts,
  disk: DiskDevice,
  {
    via,
    limits,
    limitGroup,
    plug,
    before,
    after,
    words,
    reproducible,
    warnings,
  }: Coming,
): Plan {
  const index = facts.content.runtime.disks.length;
  const { controller } = disk;
  return planAddition(facts, {
    kind: DISK,
    change: entryChange(DISK, disk, {
      entry: diskEntry(disk, { index, reproducible }),
      words: words ??
        (controller &&
          { title: "controller", put: controllerWords(controller) }),
    }),
    view: newDiskView(disk, {
      ...{ index, via, limits, limitGroup },
      hvparams: facts.content.runtime.hvparams,
      migratable: reproducible,
    }),
    before: [...before, ...controllerSteps(controller)],
    plug: deviceStep(plug),
    after,
    verify: verifyStep(disk),
    warnings: [
      reproducible ? undefined : remark(
        "not-migratable",
        "Ganeti cannot start or migrate the instance with this disk",
      ),
      ...warnings,
      comingOf(facts, disk),
    ],
  });
}

/**
 * Plans to add a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskAdd(request: DiskAdd, facts: DiskAddFacts): Plan {
  refuseImpossible(facts, DISK.needs["disk-add"]);
  const { disks } = facts.content.runtime;
  const twin = twinOf(disks, facts, request.uuid.value) ??
    twinDisk(facts, request);
  const again = (now: DiskAddFacts, entry: DiskEntry) => {
    const options = diskOptions(now, request, entry);
    const change = {
      verb: "set",
      options: [...LIMIT_NAMES, "limit-group"],
    } as const;
    return alreadyThere(now, DISK, entry, { request, ...options, change });
  };
  if (twin !== undefined) return again(facts, twin);
  const { unfinished, source: { identity } } = facts;
  if (unfinished !== undefined) {
    devTypeFor(facts, request);
    const diskIdentities = [...facts.diskIdentities, identity];
    return planFinish(facts, unfinished, {
      kind: DISK,
      check: (now, entry) => again({ ...facts, ...now, diskIdentities }, entry),
    });
  }
  const { whole, lacks } = withLacks(facts, request);
  const disk = newDisk(facts, whole);
  const fault = startFault(facts, disk);
  const reproducible = checkStart(fault, facts, { ...request, lacks });
  const way = chooseWay(facts, disk, request.via);
  const { via, before, opened = [], after = [] } = way;
  const { limits, limitGroup, note, limit, warnings } = limitSteps(
    facts,
    disk,
    { asked: request, before },
  );
  const node = nodeStep(facts, disk, way);
  const made = [node, ...verifyNodes(facts, disk, node)];
  const { words, steps } = chooseIothread(facts, whole);
  return planNewDisk(facts, disk, {
    via,
    limits,
    limitGroup,
    plug: diskDeviceArguments(disk),
    before: [...steps, ...before, ...note, ...made, ...opened],
    after: [...limit, ...after],
    words,
    reproducible,
    warnings: [
      looksOther(facts, disk),
      looksShort(facts, disk),
      ...warnings,
      ...propertyWarnings(facts, disk),
    ],
  });
}
