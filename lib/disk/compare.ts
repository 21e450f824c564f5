/**
 * Differences between runtime file, QEMU and node about disks.
 *
 * @module
 */

import { limitsText } from "../words/limits_text.ts";
import { backendOf, isEmptied } from "../device/backend.ts";
import { GROUP_NAME, isLimited, sameLimits } from "../device/io_limits.ts";
import { CONTROLLER_ID } from "../device/scsi_controller.ts";
import type { ScsiBus } from "../device/scsi_target.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { isStillOpen, stillOpen } from "../host/still_open.ts";
import {
  absentDifference,
  driverDifference,
  plugAnew,
  slotDifference,
} from "../plan/compare_entry.ts";
import {
  type PropertiesById,
  propertyDifferences,
  readProperties,
} from "../plan/compare_properties.ts";
import { lostDifference, lostKeys } from "../plan/compare_own.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { straysOf } from "../plan/strays.ts";
import type { QmpSession } from "../qmp/client.ts";
import { isNamedIn } from "../state/fixed_command.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { noteOn } from "../state/own_check.ts";
import { cutDifference, type CutDisk, readCut } from "./cut.ts";
import { type DriftFacts, findDrift, readDriftFacts } from "./drift.ts";
import { type Limited, limitsThere, limitWords } from "./limits.ts";
import { movedDifference, type MovedDisk, readMoved } from "./moved.ts";
import { DISK } from "./name.ts";
import { diskNotes } from "./note.ts";
import { readScsiBuses } from "./scsi.ts";
import { busNameOf, type LivePlace, readPlaces, sitsAt } from "./scsi_place.ts";
import {
  mediumDifferences,
  readStartedMedia,
  type StartedMedium,
} from "./started_medium.ts";
import { commandLine } from "../state/instance.ts";

/** Facts for comparing disks. */
export interface DiskCompareFacts extends WholeFacts {
  /** Undefined if no controller was seen that the file lacks. */
  readonly scsi?: readonly ScsiBus[] | undefined;
  readonly moved: readonly MovedDisk[];
  /** The drives that the VM was started with. */
  readonly media: readonly StartedMedium[];
  readonly cut: readonly CutDisk[];
  /** By device id, for disks that are recorded on a SCSI bus. */
  readonly targets: ReadonlyMap<string, LivePlace>;
  /** The targets of the links, and the open files of QEMU. */
  readonly drift: DriftFacts;
  /** The further properties of entries. */
  readonly properties: PropertiesById;
  /** Uuids of disks that are gone but still open in QEMU. */
  readonly inUse: ReadonlySet<string>;
}

/** A SCSI disk with another target than its entry. */
function targetDifference(
  facts: DiskCompareFacts,
  entry: DiskEntry,
): Difference[] {
  const { id = "", bus = "", channel = 0, scsiId, lun = 0 } = entry.hvinfo;
  const live = facts.targets.get(id);
  if (scsiId === undefined || live === undefined) return [];
  const told = { ...live, channel: live.channel ?? 0, lun: live.lun ?? 0 };
  if (sitsAt(told, { bus, channel, scsiId, lun })) return [];
  return [{
    code: "place",
    device: nameOfEntry(entry),
    message: `${
      titleOf(entry)
    } is recorded as target ${scsiId} of ${bus}, but QEMU has it as target ${live.scsiId} of ${
      busNameOf(live)
    }`,
    hint: plugAnew(facts, entry),
  }];
}

function mediumDifference(
  { qemu, paths }: WholeFacts,
  entry: DiskEntry,
): Difference[] {
  const { id = "" } = entry.hvinfo;
  const live = backendOf(qemu.block, id);
  if (live !== undefined && live.nodeName !== "") return [];
  if (isEmptied(entry, qemu.block)) return [];
  const device = nameOfEntry(entry);
  return [{
    code: "no-block-node",
    device,
    message: `${titleOf(entry)} has no block node in QEMU: its device is empty`,
    hint: commandLine(paths, "disk", "remove", paths.name, id),
  }];
}

function limitedText({ limits, limitGroup: group }: Limited): string {
  const text = limitsText(limits);
  return group === undefined ? text : `${text} of limit group ${group}`;
}

/** Another program has changed the limits of the disk. */
function limitDifference(
  { qemu, own, paths }: WholeFacts,
  entry: DiskEntry,
): Difference[] {
  const { uuid = "", hvinfo: { id = "" } } = entry;
  const backend = backendOf(qemu.block, id);
  if (backend === undefined || backend.nodeName === "") return [];
  const live = limitsThere({ qemu }, backend);
  const recorded = diskNotes(noteOn(own.record, uuid.toLowerCase()));
  const isSame = sameLimits(live.limits, recorded.limits) &&
    live.limitGroup === recorded.limitGroup;
  if (isSame) return [];
  const set = (words: readonly string[]) =>
    commandLine(paths, "disk", "set", paths.name, id, ...words);
  const kept = limitWords(
    isLimited(live.limits) ? { limits: {}, limitGroup: undefined } : recorded,
    live,
  );
  // QEMU's own names of groups are no words of an option.
  const { limitGroup: group } = live;
  const isWord = group === undefined || GROUP_NAME.test(group);
  return [{
    code: "limits",
    device: nameOfEntry(entry),
    message: `${titleOf(entry)} is recorded with limits ${
      limitedText(recorded)
    }, but QEMU has ${limitedText(live)}`,
    hint: `to set the recorded limits, run: ${set(limitWords(live, recorded))}${
      isWord ? `; to record QEMU's limits, run: ${set(kept)}` : ""
    }`,
  }];
}

function ofEntry(facts: DiskCompareFacts, entry: DiskEntry): Difference[] {
  const absent = absentDifference(facts, entry);
  if (absent !== undefined) return [absent];
  // The device of a drive has no id, so QEMU cannot be asked for more.
  if (!facts.qemu.deviceIds.has(entry.hvinfo.id ?? "")) return [];
  return [
    ...driverDifference(facts, entry),
    ...(entry.hvinfo.scsiId === undefined
      ? slotDifference(facts, entry)
      : targetDifference(facts, entry)),
    ...propertyDifferences(facts, entry),
    ...mediumDifference(facts, entry),
    ...limitDifference(facts, entry),
  ];
}

/**
 * Whether QEMU has a device with a controller's name that neither the file's
 * command nor the VM's own one has: only then a closer look is needed.
 */
function hasForeignController({ qemu, content }: WholeFacts): boolean {
  const started = [
    ...content.runtime.kvmCmd,
    ...qemu.process?.argv ?? [],
  ];
  return qemu.deviceIds.has(CONTROLLER_ID) &&
    !isNamedIn(started, CONTROLLER_ID);
}

/**
 * Reports it. A controller with a recorded disk is left out: the person who
 * added the disk was told, and accepted that the VM need not migrate.
 */
function controllerDifference(facts: DiskCompareFacts): Difference[] {
  if (!hasForeignController(facts)) return [];
  const { content, scsi, paths } = facts;
  const { disks } = content.runtime;
  const recorded = new Set(disks.flatMap(({ hvinfo }) => hvinfo.id ?? []));
  const bus = scsi?.find(({ id }) => id === CONTROLLER_ID);
  const isUsed = bus?.children.some(({ name }) => recorded.has(name));
  if (bus === undefined || isUsed) return [];
  return [{
    code: "controller",
    device: { kind: "disk", index: null, uuid: null, id: CONTROLLER_ID },
    message:
      `QEMU has SCSI controller ${CONTROLLER_ID} (${bus.controller}), but the runtime file does not: a migration would fail, because the target has no such controller`,
    hint: commandLine(
      paths,
      "qmp",
      paths.name,
      "device_del",
      `id=${CONTROLLER_ID}`,
    ),
  }];
}

/** Block nodes with the form of our names that no device uses. */
function orphans({ qemu, content }: WholeFacts): Difference[] {
  return straysOf(qemu, content.runtime)
    .filter(({ has, kind }) => has === "backend" && kind === "disk")
    .map(({ id }) => ({
      code: "orphan-node",
      device: null,
      message: `QEMU has block node ${id}, which no device uses`,
      hint: "repair removes it",
      mend: { word: "orphan-node", subject: id, did: "removed it" },
    }));
}

/** The disk was plugged again: the new record undoes the change, too. */
function isPassedOn(
  { own: { record }, content }: WholeFacts,
  uuid: string,
): boolean {
  const mine = noteOn(record, uuid)?.access;
  return content.runtime.disks.some((disk) => {
    const key = disk.uuid?.toLowerCase() ?? "";
    const access = noteOn(record, key)?.access;
    return access?.way === "chown" && mine?.way === "chown" &&
      access.inode === mine.inode && access.from === mine.from;
  });
}

/** The tool's own record of a disk that is gone but still open. */
function openWay(facts: WholeFacts, uuid: string): Difference[] {
  const access = noteOn(facts.own.record, uuid)?.access;
  if (access === undefined) return [];
  if (!isPassedOn(facts, uuid)) return [stillOpen(access)];
  return [{
    code: "own-record",
    device: null,
    message:
      `the tool's own record has old data of ${uuid}, which was plugged in again`,
    hint: "repair removes this old data from the record",
    mend: { word: "forget", subject: uuid, did: "removed the data" },
  }];
}

/** The differences. Pure. */
export function diskDifferences(facts: DiskCompareFacts): Difference[] {
  const { disks } = facts.content.runtime;
  return [
    ...disks.flatMap((one) => ofEntry(facts, one)),
    ...orphans(facts),
    ...lostKeys(facts, DISK).flatMap((uuid) =>
      facts.inUse.has(uuid) ? openWay(facts, uuid) : [lostDifference(uuid)]
    ),
    ...facts.moved.map((one) => movedDifference(facts, one)),
    ...facts.media.flatMap((one) => mediumDifferences(facts, one)),
    // The old link of a moved disk means nothing.
    ...[
      ...findDrift(disks, facts.drift, facts.qemu.block),
      ...facts.cut.map(cutDifference),
    ].filter(({ device }) =>
      !facts.moved.some(({ entry }) => entry.index === device?.index)
    ),
    ...controllerDifference(facts),
  ];
}

/** Reads QEMU and node, and compares. */
export async function compareDisks(
  given: WholeFacts,
  qmp: QmpSession,
): Promise<Difference[]> {
  const { content: { runtime }, qemu, own: { record } } = given;
  const { disks } = runtime;
  const onScsi = disks.flatMap(({ hvinfo: { id, scsiId } }) =>
    id !== undefined && scsiId !== undefined && qemu.deviceIds.has(id)
      ? [id]
      : []
  );
  const lost = lostKeys(given, DISK).filter((uuid) =>
    isStillOpen(noteOn(record, uuid)?.access, qemu.process?.pid)
  );
  const isForeign = hasForeignController(given);
  const { openFiles = [] } = given;
  const drift = await readDriftFacts(disks, openFiles);
  const { links } = drift;
  return diskDifferences({
    ...given,
    scsi: isForeign ? await readScsiBuses(qmp) : undefined,
    moved: await readMoved({ qemu, runtime }, qmp),
    media: await readStartedMedia({ qemu, runtime }, openFiles),
    targets: await readPlaces(qmp, onScsi),
    properties: await readProperties(qmp, qemu, disks),
    cut: await readCut({ disks, qemu, openFiles, links }, qmp),
    drift,
    inUse: new Set(lost),
  });
}
