/**
 * Plans to put another medium into a drive of the guest, or to remove the
 * medium. Pure.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import type { DiskNode } from "../device/disk.ts";
import { checkSettings } from "../device/disk_settings.ts";
import { withMedium } from "../device/entry.ts";
import { titleOf } from "../device/select.ts";
import { diskSettingsAtStart } from "./start.ts";
import { isUri } from "../device/storage_uri.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import { duplicate, refuse, remark, unsupported } from "../errors.ts";
import { inspectSource, type Source } from "../host/source.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import {
  refuseImpossible,
  refuseMissingCommands,
} from "../plan/requirements.ts";
import { qmpStep, stateSteps } from "../plan/steps.ts";
import type { QmpSession } from "../qmp/client.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { type Tray, TRAYS } from "../qmp/block_queries.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { noteOn } from "../state/own_check.ts";
import { type BlockUsers, readBlockUsers, refuseUsed } from "./block_users.ts";
import { chooseDisk, type ChosenDisk, recordedWith } from "./chosen.ts";
import { lacksMedium } from "./empty_drive.ts";
import { devTypeOf, refuseUnfit } from "./fit.ts";
import { releaseSteps } from "./remove.ts";
import type { MediumSet } from "./request.ts";
import { checkStart } from "./start_fault.ts";
import { fdsetWay, nodeStep } from "./way.ts";
import type { DiskStep } from "./steps.ts";
import type { ChangeMediumStep } from "./medium_step.ts";
import { DISK } from "./name.ts";

/** Facts for changing a medium. */
export interface MediumFacts extends Facts {
  /** The new medium; undefined: the drive will be empty. */
  readonly source: Source | undefined;
  /** By device id. */
  readonly trays: ReadonlyMap<string, Tray>;
  readonly users: BlockUsers;
}

/** The QMP commands that it needs. */
const COMMANDS = [
  "blockdev-open-tray",
  "blockdev-close-tray",
  "blockdev-insert-medium",
  "blockdev-remove-medium",
];

const PUT_BACK = remark(
  "medium-comes-back",
  "a start or migration by Ganeti inserts the recorded medium again",
);

function trayOf(
  { trays, own }: MediumFacts,
  { id, uuid, title, entry }: ChosenDisk,
): Tray {
  const tray = trays.get(id);
  if (tray === undefined) {
    throw refuse(
      `Cannot change the medium of ${title}: a ${
        entry.hvinfo.driver ?? "disk"
      } has no tray`,
      "only a scsi-cd has one",
    );
  }
  if (tray.nodeName !== "" && isMadeUp(tray.nodeName)) {
    throw unsupported(
      `Cannot change the medium of ${title}: it was made by -drive, so the change could not be undone`,
    );
  }
  if (noteOn(own.record, uuid.toLowerCase())?.access !== undefined) {
    throw unsupported(
      `Cannot change the medium of ${title}: it was added with --via chown or --via mknod`,
      "remove the drive and add it again",
    );
  }
  return tray;
}

/** A name for the new node while the old one is still there. */
function otherName({ qemu }: Facts, id: string): string {
  if (!qemu.nodeNames.has(id)) return id;
  return id.replace(/(-(?:pci|scsi)-\d+)?$/, (end) => `-b${end}`);
}

/** The node of the new medium, in the form of a start. */
function newNode(
  facts: MediumFacts,
  { id, entry }: ChosenDisk,
  source: Source,
): DiskNode {
  const { hvparams } = facts.content.runtime;
  const twin = recordedWith(facts, source.identity)
    .find(({ index }) => index !== entry.index);
  if (twin !== undefined) {
    throw duplicate(
      `${source.path} is already used by ${titleOf(twin)} of this instance`,
    );
  }
  const devType = devTypeOf(source);
  const settings = {
    ...diskSettingsAtStart(hvparams),
    access: "ro" as const,
  };
  checkSettings(settings, devType, facts.qemu.version);
  refuseUnfit(source, { devType, settings });
  return { id: otherName(facts, id), devType, settings };
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

/** The steps that insert a new medium and record it. */
function insertSteps(
  facts: Facts,
  { entry, uuid }: ChosenDisk,
  { turn, node, source, reproducible }: {
    turn: ChangeMediumStep;
    node: DiskNode;
    source: Source;
    reproducible: boolean;
  },
): DiskStep[] {
  const { qemu } = facts;
  const { devType } = node;
  const { stage, commit } = stateSteps(facts, {
    change: "entry",
    list: "disks",
    uuid,
    entry: withMedium(entry.node, { ...source, devType, reproducible }),
  });
  const way = fdsetWay({ qemu, source }, { ...node, uuid });
  const { before, after = [] } = way;
  const made = nodeStep(facts, node, way);
  return [stage, ...before, made, turn, ...after, commit];
}

/** The steps in the drive, and the step in which the guest takes part. */
function mediumSteps(
  request: MediumSet,
  facts: MediumFacts,
  chosen: ChosenDisk,
): { turn: ChangeMediumStep; steps: DiskStep[] } {
  const { nodeName, isOpen } = trayOf(facts, chosen);
  const { id, title, entry } = chosen;
  refuseUsed(facts, { id, what: `change the medium of ${title}` });
  const { source, diskIdentities } = facts;
  const { lock } = request;
  const from = nodeName === "" ? null : nodeName;
  const turnTo = (to: string | null): ChangeMediumStep => ({
    kind: "change-medium",
    ...{ id, title, from, to, lock },
  });
  const isSame = source === undefined
    ? from === null
    : from !== null && diskIdentities[entry.index] === source.identity;
  if (isSame) {
    // A second node of the same file would keep the file of the first node
    // open.
    const turn = turnTo(from);
    return { turn, steps: isOpen ? [turn] : [] };
  }
  const dropped: DiskStep[] = from === null ? [] : [
    qmpStep("blockdev-del", { "node-name": from }, null),
    ...releaseSteps(facts, entry.index),
  ];
  if (source === undefined) {
    const turn = turnTo(null);
    return { turn, steps: [turn, ...dropped] };
  }
  refuseMissingCommands(facts.qemu, FDSET_COMMANDS);
  const node = newNode(facts, chosen, source);
  const reproducible = isStartable(facts, source, { entry, request });
  const turn = turnTo(node.id);
  const inserted = { turn, node, source, reproducible };
  return { turn, steps: [...insertSteps(facts, chosen, inserted), ...dropped] };
}

/**
 * Plans to change the medium of a drive.
 *
 * @throws {HotplugError} status 3
 */
export function planMedium(request: MediumSet, facts: MediumFacts): Plan {
  refuseImpossible(facts, DISK.needs["disk-set"]);
  const { device } = request;
  const chosen = chooseDisk(facts, { device, verb: "change" });
  refuseMissingCommands(facts.qemu, COMMANDS);
  const { turn, steps } = mediumSteps(request, facts, chosen);
  const { title, view } = chosen;
  const { path = null, sizeBytes = view.size_bytes } = facts.source ?? {};
  const isOut = path === null;
  const inside = { source: path, size_bytes: sizeBytes };
  return planOf({
    action: "set",
    instance: facts.paths.name,
    device: { ...view, ...inside, via: isOut ? null : "fdset" },
    title,
    kinds: [DISK.word],
    steps,
    turn,
    warnings: isOut && steps.length > 0 ? [PUT_BACK] : [],
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
  { path }: MediumSet,
  world: World,
): Promise<MediumFacts["source"]> {
  if (path === null) return undefined;
  if (isUri(path)) {
    throw refuse(`A medium must be a file or a block device: ${path} is a URI`);
  }
  const direct = content.runtime.hvparams.diskCache === "none";
  const reading = { access: "ro", direct } as const;
  const { source, pinned } = await inspectSource(path, reading);
  world.keepFd("source-pin", pinned);
  return source;
}

/** Adds the media of QEMU's drives. */
export async function readMediumFacts(
  facts: Facts,
  source: MediumFacts["source"],
  qmp: QmpSession,
): Promise<MediumFacts> {
  const trays = await ask(qmp, TRAYS);
  return { ...facts, source, trays, users: await readBlockUsers(facts, qmp) };
}
