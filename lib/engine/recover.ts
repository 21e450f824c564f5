/**
 * Finishes or takes back what was interrupted. The caller holds the lock.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import type { LeftAlone } from "../host/access_record.ts";
import { findQemu, tapsOf } from "../host/process.ts";
import { verbsOf } from "../operation/step.ts";
import { RUN_STATE } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import { removeJournalFile } from "../state/journal_file.ts";
import { openOwnDirectory } from "../state/lock.ts";
import { discardStaged } from "../state/runtime_file.ts";
import { rollBack } from "./apply.ts";
import { type LeftJournal, readJournal } from "./journal_read.ts";
import { forgetPending, notePending, noteTakenBack } from "./pending.ts";
import type { Plan } from "./plan.ts";
import { type Course, courseOf, turningPoint } from "./recover_course.ts";
import {
  foreignJournal,
  openWorldOf,
  type RecoverOptions,
} from "./recover_world.ts";
import { REQUESTED_AT } from "./unplug.ts";
import type { Effect, Step } from "./verbs.ts";
import type { World } from "./world.ts";

/** What became of an interrupted operation. */
export interface Recovery {
  /** What was under way, e.g. `disk add of disk 1, begun …`. */
  readonly what: string;
  /** e.g. `finished`. */
  readonly did: string;
  /** What it had been about; undefined if it never began. */
  readonly plan?: Plan | undefined;
  /** Undefined if it never began. */
  readonly course?: Course | undefined;
  /** What is another's by now. @default nothing */
  readonly leftAlone?: readonly LeftAlone[];
  /** What was asked for: {@linkcode fingerprintOf}. */
  readonly request?: string | undefined;
}

/** Kinds of steps that are void without the QEMU they were made for. */
const IN_QEMU: readonly Step["kind"][] = [
  "qmp",
  "unplug",
  "drop-netdev",
  "verify-device",
  "verify-scsi",
  "change-medium",
  "drop-drive",
  "drop-node",
  "drop-fd-names",
  "probe-path",
  "verify-open",
  "await-release",
  "resize-disk",
  "limit-disk",
];

/** Likewise once the VM was started anew: its start writes these itself. */
const OF_THE_VM: readonly Step["kind"][] = ["nic-files", "commit-state"];

/** What was under way, and since when. */
export function titleOf({ command, plan, at }: LeftJournal): string {
  return `${command} of ${plan.title}, begun ${at}`;
}

/** An interrupted operation that could not be put in order. */
function stuck(
  journal: LeftJournal,
  paths: InstancePaths,
  { why, cause }: { why: string; cause?: unknown },
): HotplugError {
  return new HotplugError(
    "interrupted",
    `An operation on ${paths.name} was interrupted (${
      titleOf(journal)
    }) and cannot be put in order: ${why}`,
    { cause, changed: true, hint: `kvm-hotplug repair ${paths.name}` },
  );
}

function commitOf({ steps }: Plan) {
  return steps.find((step) =>
    step.kind === "commit-state" || step.kind === "create-state"
  );
}

async function effectOf(
  step: Step | undefined,
  world: World,
): Promise<Effect | undefined> {
  return step === undefined
    ? undefined
    : await verbsOf(step).confirm(step, world);
}

/** The steps after the turning point that reality does not show yet. */
async function finish(
  { plan: { steps }, begun }: LeftJournal,
  world: World,
  isVoid: (step: Step) => boolean,
): Promise<void> {
  const turn = turningPoint(steps);
  for (const [index, step] of steps.entries()) {
    if (index < turn || step.kind === "stage-state" || isVoid(step)) continue;
    const effect = await effectOf(step, world);
    if (effect === "done" || (effect === "unknown" && index < begun)) continue;
    await redo(step, world);
  }
  for (const step of steps) {
    if (step.kind === "stage-state") discardStaged(step);
  }
}

async function redo(step: Step, world: World): Promise<void> {
  if (step.kind === "commit-state") {
    const { path, temporary, change } = step;
    const stage: Step = { kind: "stage-state", path, temporary, change };
    await verbsOf(stage).do(stage, world);
  }
  if (step.kind !== "unplug") return await verbsOf(step).do(step, world);
  // The VM may have been paused, or have gone on, since then.
  const runState = await ask(world.qmp, RUN_STATE);
  await verbsOf(step).do({ ...step, runState }, world);
}

/** Takes back all that was begun. @returns what could not be */
async function takeBack(
  { plan, begun, qemu }: LeftJournal,
  world: World,
  isVoid: (step: Step) => boolean,
): Promise<string[]> {
  const tap = world.values.get("tap");
  // Whoever made it is gone; without QEMU the name is somebody else's by now.
  const ours = tap !== undefined && qemu !== null && tapsOf(qemu.pid).has(tap);
  if (!ours) world.values.delete("tap");
  const steps = plan.steps.slice(0, begun + 1).filter((one) => !isVoid(one));
  return await rollBack(steps, world);
}

/** A removal the guest has not completed, and how it came to that. */
async function leavePending(
  journal: LeftJournal,
  world: World,
  { error, paths }: { error: HotplugError; paths: InstancePaths },
): Promise<string> {
  const left = await takeBack(journal, world, (step) => step.kind === "unplug");
  if (left.length > 0) throw error;
  const { plan, qemu, at } = journal;
  const ledger = { paths, qemu };
  if (error.code === "unplug-rejected") {
    forgetPending(plan, ledger);
    return `taken back: ${error.message}`;
  }
  notePending(plan, world.values.get(REQUESTED_AT) ?? at, ledger);
  return `left pending: ${error.message}`;
}

async function carryOn(
  journal: LeftJournal,
  paths: InstancePaths,
  world: World,
): Promise<{ did: string; course: Course }> {
  const { steps } = journal.plan;
  const alive = world.hasQemu;
  const isNew = !alive && findQemu(paths.pid, paths.name) !== undefined;
  const isVoid = (step: Step) =>
    !alive && (IN_QEMU.includes(step.kind) ||
      (isNew && OF_THE_VM.includes(step.kind)));
  const course = courseOf(journal, {
    qemu: alive ? "same" : "gone",
    committed: await effectOf(commitOf(journal.plan), world),
    turned: alive
      ? await effectOf(steps[turningPoint(steps)], world)
      : undefined,
  });
  if (course === "finish" && !isNew) {
    try {
      await finish(journal, world, isVoid);
      return { did: "finished", course };
    } catch (error) {
      const later = error instanceof HotplugError &&
        ["unplug-pending", "unplug-rejected"].includes(error.code);
      if (!later) throw error;
      const did = await leavePending(journal, world, { error, paths });
      return { did, course: "take-back" };
    }
  }
  const left = await takeBack(journal, world, isVoid);
  if (left.length > 0) throw new Error(`not undone: ${left.join("; ")}`);
  if (alive) noteTakenBack(journal, { paths, values: world.values });
  return { did: "taken back", course: "take-back" };
}

async function recoverLeft(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<Recovery> {
  using world = await openWorldOf(journal, paths, options);
  try {
    const done = await carryOn(journal, paths, world);
    const { plan, request } = journal, { leftAlone } = world;
    return { what: titleOf(journal), plan, request, leftAlone, ...done };
  } catch (error) {
    throw stuck(journal, paths, { why: messageOf(error), cause: error });
  }
}

/**
 * Puts in order what an interrupted operation left, if there was one. Its
 * journal goes last: killed here, the next one begins again.
 *
 * @returns undefined if there was none
 * @throws {HotplugError} `interrupted` if it cannot be put in order; status 4
 * if QEMU cannot be asked
 */
export async function recover(
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<Recovery | undefined> {
  using dir = openOwnDirectory(paths.runDir);
  const reading = readJournal(dir, paths);
  switch (reading.state) {
    case "none":
      return undefined;
    case "empty":
      removeJournalFile(dir, paths);
      return { what: "an operation that had not begun", did: "forgotten" };
    case "left": {
      const recovery = await recoverLeft(reading.journal, paths, options);
      removeJournalFile(dir, paths);
      return recovery;
    }
    case "foreign":
      throw foreignJournal(reading.instance, paths);
    case "damaged":
    case "unusable":
      throw new HotplugError(
        "interrupted",
        `The journal of ${paths.name} cannot be used: ${reading.why}`,
        { hint: `kvm-hotplug repair ${paths.name}` },
      );
    default:
      return reading satisfies never;
  }
}
