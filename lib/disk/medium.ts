/**
 * Plans to put another medium into a drive of the guest, or to remove the
 * medium. Pure.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import type { DiskNode } from "../device/disk.ts";
import {
  cacheMode,
  cacheWord,
  checkSettings,
  type DiskSettings,
} from "../device/disk_settings.ts";
import { withMedium } from "../device/entry.ts";
import { findDevice, titleOf } from "../device/select.ts";
import { diskSettingsAtStart } from "./start.ts";
import { isUri } from "../device/storage_uri.ts";
import { type DeviceView, type Plan, planOf } from "../engine/plan.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { World } from "../engine/world.ts";
import { duplicate, refuse, type Remark, remark } from "../errors.ts";
import { inspectSource, type Source } from "../host/source.ts";
import { openFiles } from "../host/process.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import { qmpStep, stateSteps } from "../plan/steps.ts";
import type { QmpSession } from "../qmp/client.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { TRAYS } from "../qmp/block_queries.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import { readBlockUsers, refuseUsed } from "./block_users.ts";
import { recordedWith } from "./chosen.ts";
import { chooseDrive, type Drive, isAlready } from "./medium_drive.ts";
import type { MediumFacts } from "./medium_drive.ts";
import { lacksMedium } from "./empty_drive.ts";
import { devTypeOf, refuseUnfit } from "./fit.ts";
import { releaseSteps } from "./remove.ts";
import type { MediumSet } from "./request.ts";
import { checkStart } from "./start_fault.ts";
import { fdsetWay, nodeStep } from "./way.ts";
import type { DiskStep } from "./steps.ts";
import type { ChangeMediumStep } from "./medium_step.ts";
import { DISK } from "./name.ts";
import { keepSteps, mediumNode } from "./medium_nodes.ts";
import { type StartedDrive, startedDrives } from "./started.ts";
import { readStartedMedia } from "./started_medium.ts";
import { mediumRecord } from "./started_words.ts";
import { NO_MEDIUM } from "./view.ts";

/** The QMP commands that it needs. */
const COMMANDS = [
  "blockdev-add",
  "blockdev-del",
  "blockdev-open-tray",
  "blockdev-close-tray",
  "blockdev-insert-medium",
  "blockdev-remove-medium",
];

const PUT_BACK = remark(
  "medium-comes-back",
  "a start or migration by Ganeti inserts the recorded medium again",
);

/** A name for the new node while the old one is still there. */
function otherName({ qemu }: Facts, id: string): string {
  if (!qemu.nodeNames.has(id)) return id;
  return id.replace(/(-(?:pci|scsi)-\d+)?$/, (end) => `-b${end}`);
}

/** The settings of a drive that the VM was started with. */
const AT_START: DiskSettings = {
  cache: "default",
  aio: "threads",
  discard: "ignore",
  access: "ro",
};

/** No guest writes to a CD; a floppy disk is opened as a start opens it. */
function accessFor(drive: StartedDrive): DiskSettings["access"] {
  return drive.called === "floppy drive" ? "rw" : "ro";
}

/** The node of the new medium, in the form of a start. */
function newNode(facts: MediumFacts, drive: Drive, source: Source): DiskNode {
  const { hvparams } = facts.content.runtime;
  const own = drive.recorded === "entry" ? drive.chosen.entry.index : undefined;
  const twin = recordedWith(facts, source.identity)
    .find(({ index }) => index !== own);
  if (twin !== undefined) {
    throw duplicate(
      `${source.path} is already used by ${titleOf(twin)} of this instance`,
    );
  }
  const devType = devTypeOf(source);
  const [id, settings] = drive.recorded === "entry"
    ? [
      otherName(facts, drive.id),
      { ...diskSettingsAtStart(hvparams), access: "ro" as const },
    ]
    : [
      mediumNode(facts.qemu, drive.medium.drive.hvinfo.id),
      { ...AT_START, access: accessFor(drive.medium.drive) },
    ];
  checkSettings(settings, devType, facts.qemu.version);
  refuseUnfit(source, { devType, settings });
  return { id, devType, settings };
}

/** Whether Ganeti's start, which opens every disk for writing, can open it. */
function isStartable(
  facts: Facts,
  { writeFault, path }: Source,
  { entry, request }: { entry: DiskEntry; request: MediumSet },
): boolean {
  const { mode = "rw" } = entry;
  const { runtime } = facts.content;
  if (mode !== "rw" && !lacksMedium(entry, runtime)) return false;
  const fault = writeFault === undefined ? undefined : {
    cannot: `Cannot use ${path} as a medium`,
    why:
      `a start or migration from the runtime file opens every disk for writing, but this file cannot be written (${writeFault})`,
  };
  return checkStart(fault, facts, request);
}

/** The steps that record the new medium; none: the record stays. */
function recordOf(
  facts: MediumFacts,
  drive: Drive,
  { request, devType }: {
    readonly request: MediumSet;
    readonly devType: string | undefined;
  },
): Partial<ReturnType<typeof stateSteps>> {
  const { source } = facts;
  if (drive.recorded === "words") {
    const medium = source === undefined
      ? null
      : { path: source.path, kind: toKind(source) };
    return mediumRecord(facts, drive.medium.drive, medium);
  }
  if (source === undefined || devType === undefined) return {};
  const { entry, uuid } = drive.chosen;
  const reproducible = isStartable(facts, source, { entry, request });
  const changed = withMedium(entry.node, { ...source, devType, reproducible });
  const about = { change: "entry", list: "disks", uuid } as const;
  return stateSteps(facts, { ...about, entry: changed });
}

function toKind({ kind }: Source): "file" | "block" {
  return kind === "block" ? "block" : "file";
}

/** The steps around the change that keep the old node, and let it go. */
function oldNode(
  facts: Facts,
  drive: Drive,
): { keep?: QmpStep; drop: DiskStep[] } {
  const { tray: { nodeName } } = drive;
  if (nodeName === "") return { drop: [] };
  if (drive.recorded === "words" && isMadeUp(nodeName)) {
    const { keep, drop } = keepSteps(drive.medium.drive.hvinfo.id, nodeName);
    return { keep, drop: [drop] };
  }
  const del = qmpStep("blockdev-del", { "node-name": nodeName }, null);
  return drive.recorded === "words"
    ? { drop: [del] }
    : { drop: [del, ...releaseSteps(facts, drive.chosen.entry.index)] };
}

/** The steps in the drive, and the step in which the guest takes part. */
function mediumSteps(
  request: MediumSet,
  facts: MediumFacts,
  drive: Drive,
): {
  turn: ChangeMediumStep;
  steps: (DiskStep | undefined)[];
  /** The new node. */
  node?: DiskNode;
} {
  const { id, title, live, tray: { nodeName, isOpen } } = drive;
  const name = drive.recorded === "entry" ? id : drive.medium.drive.drive;
  refuseUsed(facts, {
    ...{ id: name, what: `change the medium of ${title}` },
    ...(live && { live }),
  });
  const { source } = facts;
  const { lock } = request;
  const from = nodeName === "" ? null : nodeName;
  const turnTo = (to: string | null): ChangeMediumStep => ({
    kind: "change-medium",
    ...{ id, title, from, to, lock },
  });
  const { keep, drop } = oldNode(facts, drive);
  if (isAlready(facts, drive)) {
    // A second node of the same file would keep the file of the first node
    // open. The node of -drive must outlive the moment without a drive.
    const turn = turnTo(from);
    if (!isOpen || from === null) return { turn, steps: [] };
    return { turn, steps: keep ? [keep, turn, ...drop] : [turn] };
  }
  if (source === undefined) {
    const turn = turnTo(null);
    const about = { request, devType: undefined };
    const { stage, commit } = recordOf(facts, drive, about);
    return { turn, steps: [stage, keep, turn, commit, ...drop] };
  }
  refuseMissingCommands(facts.qemu, FDSET_COMMANDS);
  const node = newNode(facts, drive, source);
  const turn = turnTo(node.id);
  const { devType } = node;
  const { stage, commit } = recordOf(facts, drive, { request, devType });
  const uuid = drive.recorded === "entry" ? drive.chosen.uuid : name;
  const way = fdsetWay({ qemu: facts.qemu, source }, { ...node, uuid });
  const { before, after = [] } = way;
  const made = nodeStep(facts, node, way);
  const steps = [stage, keep, ...before, made, turn, ...after, commit, ...drop];
  return { turn, steps, node };
}

/** The drive with its new medium. */
function viewWith(
  { source }: MediumFacts,
  view: DeviceView,
  node: DiskNode | undefined,
): DeviceView {
  if (source === undefined) return { ...view, ...NO_MEDIUM };
  if (node === undefined) return view;
  return {
    ...view,
    source: source.path,
    size_bytes: source.sizeBytes,
    format: "raw",
    via: "fdset",
    cache: cacheWord(cacheMode(node.settings.cache, node.devType)),
  };
}

/**
 * The names of the drives that Ganeti 3.1 makes. Earlier releases gave their
 * drives no names.
 */
const NAMED: ReadonlyMap<string, string> = new Map([
  ["cdrom1", "cdrom_image_path"],
  ["cdrom2", "cdrom2_image_path"],
  ["floppy1", "floppy_image_path"],
]);

/**
 * The hvparam from which Ganeti makes a drive; undefined: no hvparam names the
 * drive. Words of kvm_extra come after Ganeti's own drives.
 */
function hvparamOf(
  { content: { runtime } }: Facts,
  { drive, called, hvinfo: { id } }: StartedDrive,
): string | undefined {
  const { cdromImage, cdrom2Image, floppyImage, kvmExtra } = runtime.hvparams;
  const extra = kvmExtra === "" ? undefined : "kvm_extra";
  const set = called === "floppy drive"
    ? { floppy_image_path: floppyImage }
    : { cdrom_image_path: cdromImage, cdrom2_image_path: cdrom2Image };
  const names = Object.entries(set)
    .flatMap(([name, image]) => image === "" ? [] : [name]);
  const alike = startedDrives(runtime).filter((one) => one.called === called);
  if (alike.some((one) => NAMED.has(one.drive))) {
    return names.find((one) => one === NAMED.get(drive)) ?? extra;
  }
  return names[alike.findIndex(({ hvinfo }) => hvinfo.id === id)] ?? extra;
}

/** What Ganeti does with the change. */
function remarkFor(facts: MediumFacts, drive: Drive): Remark | undefined {
  const { paths, source, content: { runtime } } = facts;
  if (drive.recorded === "entry") {
    return source === undefined ? PUT_BACK : undefined;
  }
  if (runtime.hvparams.origin !== "ganeti") return undefined;
  const hvparam = hvparamOf(facts, drive.medium.drive);
  if (hvparam === undefined) return undefined;
  const value = `${hvparam}=${source?.path ?? ""}`;
  const modify = ["gnt-instance", "modify", "-H", shellWord(value), paths.name];
  return remark(
    "medium-until-stop",
    `a migration and a soft reboot keep the medium; a stop and start by Ganeti inserts the medium of its hvparam ${hvparam} again`,
    {
      hint: hvparam === "kvm_extra"
        ? "to set it there, too, change kvm_extra on the master"
        : `to set it there, too, run on the master: ${modify.join(" ")}`,
    },
  );
}

/**
 * Plans to change the medium of a drive.
 *
 * @throws {HotplugError} status 3
 */
export function planMedium(request: MediumSet, facts: MediumFacts): Plan {
  refuseImpossible(facts, DISK.needs["disk-set"]);
  const drive = chooseDrive(facts, request.device);
  refuseMissingCommands(facts.qemu, COMMANDS);
  const { turn, steps, node } = mediumSteps(request, facts, drive);
  const { title, view } = drive;
  return planOf({
    action: "set",
    instance: facts.paths.name,
    device: viewWith(facts, view, node),
    title,
    kinds: [DISK.word],
    steps,
    turn,
    warnings: steps.length > 0 ? [remarkFor(facts, drive)] : [],
  });
}

/**
 * Checks the new medium, if there is one.
 *
 * @param world keeps its O_PATH fd as `source-pin`
 * @throws {HotplugError} `refused`
 */
export async function readMedium(
  { content }: NodeFacts,
  { path, device }: MediumSet,
  world: World,
): Promise<MediumFacts["source"]> {
  if (path === null) return undefined;
  if (isUri(path)) {
    throw refuse(`A medium must be a file or a block device: ${path} is a URI`);
  }
  const { runtime } = content;
  const drive = findDevice(startedDrives(runtime), device);
  const direct = drive === undefined && runtime.hvparams.diskCache === "none";
  const access = drive === undefined ? "ro" : accessFor(drive);
  const { source, pinned } = await inspectSource(path, { access, direct });
  world.keepFd("source-pin", pinned);
  return source;
}

/** Adds the media of QEMU's drives. */
export async function readMediumFacts(
  facts: Facts,
  source: MediumFacts["source"],
  qmp: QmpSession,
): Promise<MediumFacts> {
  const { qemu, content: { runtime } } = facts;
  const open = qemu.process === undefined
    ? []
    : [...openFiles(qemu.process.pid)];
  const trays = await ask(qmp, TRAYS);
  const media = await readStartedMedia({ qemu, runtime }, open);
  const users = await readBlockUsers(facts, qmp);
  return { ...facts, source, trays, media, users };
}
