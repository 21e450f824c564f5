/**
 * Finishes or takes back an interrupted operation. The caller holds the lock.
 *
 * @module
 */

import {
  HotplugError,
  isFailure,
  messageOf,
  refuse,
  type Remark,
} from "../errors.ts";
import { findQemu } from "../host/process.ts";
import { lookForProcess, readBootId } from "../host/process_identity.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import type { QmpSession } from "../qmp/client.ts";
import { NAME, RUN_STATE } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { commandLine, type InstancePaths } from "../state/instance.ts";
import { removeJournalFile } from "../state/journal_file.ts";
import { openOwnDirectory } from "../state/lock.ts";
import { settleStaged } from "../state/runtime_file.ts";
import { rollBack } from "./apply.ts";
import {
  type LeftJournal,
  type LoadSteps,
  readJournal,
} from "./journal_read.ts";
import { forgetAsked, noteAsked, noteTakenBack } from "./pending.ts";
import type { Course, Plan } from "./plan.ts";
import { isUnplug } from "./qmp_steps.ts";
import { courseOf } from "./recover_course.ts";
import { isCommit, isStage, stageOf } from "./state_steps.ts";
import { REQUESTED_AT } from "./unplug.ts";
import type { Effect, Step } from "./verbs.ts";
import { World, type WorldOptions } from "./world.ts";

/** How to reach an instance for the recovery. */
export interface RecoverOptions
  extends MonitorOptions, Pick<WorldOptions, "unplugTimeoutMs"> {
  readonly load: LoadSteps;
}

/** Whether the QEMU of a journal still runs. */
function isSameQemu({ qemu, boot }: LeftJournal): boolean {
  if (qemu !== null) return lookForProcess(qemu) === "same";
  return boot === readBootId();
}

/** A session with the instance's own VM, before any other question. */
async function openOwnMonitor(
  paths: InstancePaths,
  options: MonitorOptions,
): Promise<QmpSession> {
  const qmp = await openInstanceMonitor(paths, options);
  try {
    refuseForeignVm(await ask(qmp, NAME), paths);
    return qmp;
  } catch (error) {
    qmp.close();
    throw error;
  }
}

/** A session with the QEMU of an interrupted operation; none if it is gone. */
async function openMonitorOf(
  journal: LeftJournal,
  paths: InstancePaths,
  options: MonitorOptions,
): Promise<QmpSession | undefined> {
  if (!isSameQemu(journal)) return undefined;
  try {
    return await openOwnMonitor(paths, options);
  } catch (error) {
    // If the process is unknown, the VM is gone when no process listens for it.
    const gone = journal.qemu === null && isFailure(error, "not-running");
    if (gone) return undefined;
    throw error;
  }
}

/**
 * Opens the world of an interrupted operation, with the values that it had
 * found.
 *
 * @throws {HotplugError} status 4 if QEMU runs and cannot be asked; `refused`
 * if the socket belongs to another VM
 */
async function openWorldOf(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<World> {
  const qmp = await openMonitorOf(journal, paths, options);
  const more = { ...options, steps: journal.table, qmpPath: paths.qmp };
  const world = new World(qmp, more);
  for (const [what, value] of journal.values) world.values.set(what, value);
  return world;
}

/** The result for an interrupted operation. */
export interface Recovery {
  /** The operation, e.g. `disk add of disk 1, begun …`. */
  readonly what: string;
  /** e.g. `finished`. */
  readonly did: string;
  /** Its plan; undefined if it never began. */
  readonly plan?: Plan | undefined;
  /** Undefined if it never began. */
  readonly course?: Course | undefined;
  /** Things that belong to another owner now. @default none */
  readonly leftAlone?: readonly Remark[];
  /** Its request: {@linkcode fingerprintOf}. */
  readonly request?: string | undefined;
}

/** The operation, and its time. */
export function titleOf({ command, plan, at }: LeftJournal): string {
  return `${command} of ${plan.title}, begun ${at}`;
}

function commitOf({ steps }: Plan): Step | undefined {
  return steps.find((step) => isCommit(step) || step.kind === "create-state");
}

async function effectOf(
  step: Step | undefined,
  world: World,
): Promise<Effect | undefined> {
  return step === undefined
    ? undefined
    : await world.steps.of(step).confirm(step, world);
}

/** The steps after the turning point that have no effect yet. */
async function finish(
  { plan: { steps, turn }, begun }: LeftJournal,
  world: World,
  isVoid: (step: Step) => boolean,
): Promise<void> {
  for (const [index, step] of steps.entries()) {
    if (index < (turn ?? 0) || isStage(step) || isVoid(step)) continue;
    const effect = await effectOf(step, world);
    if (effect === "done" || (effect === "unknown" && index < begun)) continue;
    await redo(step, world);
  }
  for (const step of steps) {
    if (isStage(step)) settleStaged(step);
  }
}

async function redo(step: Step, world: World): Promise<void> {
  if (isCommit(step)) {
    const stage = stageOf(step);
    await world.steps.of(stage).do(stage, world);
  }
  const kind = world.steps.of(step);
  if (!isUnplug(step)) return await kind.do(step, world);
  // The VM may have been paused, or resumed, since then.
  const now = { ...step, runState: await ask(world.qmp, RUN_STATE) };
  await kind.do(now, world);
}

/**
 * Undoes all steps that were begun. @returns the steps that could not be undone
 */
async function takeBack(
  { plan, begun, qemu }: LeftJournal,
  world: World,
  isVoid: (step: Step) => boolean,
): Promise<string[]> {
  for (const known of world.steps.values) {
    const value = world.values.get(known);
    // The process that made it is gone: another owner may have the name now.
    if (value === undefined || known.isOurs === undefined) continue;
    if (!known.isOurs(value, qemu?.pid ?? null)) world.values.delete(known);
  }
  const steps = plan.steps.slice(0, begun + 1).filter((one) => !isVoid(one));
  return await rollBack(steps, world);
}

/** A removal that the guest has not completed, and its history. */
async function leavePending(
  journal: LeftJournal,
  world: World,
  { error, paths }: { error: HotplugError; paths: InstancePaths },
): Promise<string> {
  const left = await takeBack(journal, world, isUnplug);
  if (left.length > 0) throw error;
  const { plan, qemu } = journal;
  if (error.code === "unplug-rejected") {
    forgetAsked(plan, { paths, qemu });
    return `taken back: ${error.message}`;
  }
  const at = world.values.get(REQUESTED_AT) ?? journal.at;
  noteAsked(plan, at, { paths, qemu, only: "pending" });
  return `left pending: ${error.message}`;
}

/**
 * Asks reality for the way, and for the steps that have no meaning any more.
 */
async function chooseWay(
  journal: LeftJournal,
  paths: InstancePaths,
  world: World,
): Promise<{ course: Course; isVoid: (step: Step) => boolean }> {
  const { steps, turn } = journal.plan;
  const alive = world.hasQemu;
  const isNew = !alive && findQemu(paths.pid, paths.name) !== undefined;
  const isVoid = (step: Step) => {
    const { without } = world.steps.traits(step);
    return !alive &&
      (without === "void" || (isNew && without === "void-after-restart"));
  };
  const course = courseOf(journal, {
    qemu: alive ? "same" : "gone",
    committed: await effectOf(commitOf(journal.plan), world),
    turned: alive && turn !== null
      ? await effectOf(steps[turn], world)
      : undefined,
  }, world.steps);
  return { course: isNew ? "take-back" : course, isVoid };
}

/**
 * The way that {@linkcode recover} would go. Changes nothing.
 *
 * @throws {HotplugError} status 4 if QEMU cannot be asked; `refused`
 */
export async function foresee(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<Course> {
  using world = await openWorldOf(journal, paths, options);
  return (await chooseWay(journal, paths, world)).course;
}

async function carryOn(
  journal: LeftJournal,
  paths: InstancePaths,
  world: World,
): Promise<{ did: string; course: Course }> {
  const { course, isVoid } = await chooseWay(journal, paths, world);
  if (course === "finish") {
    try {
      await finish(journal, world, isVoid);
      return { did: "finished", course };
    } catch (error) {
      if (!isFailure(error, "unplug-pending", "unplug-rejected")) throw error;
      const did = await leavePending(journal, world, { error, paths });
      return { did, course: "take-back" };
    }
  }
  const left = await takeBack(journal, world, isVoid);
  if (left.length > 0) throw new Error(`not undone: ${left.join("; ")}`);
  if (world.hasQemu) noteTakenBack(journal, { paths, values: world.values });
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
    throw new HotplugError(
      "interrupted",
      `An operation on ${paths.name} was interrupted (${
        titleOf(journal)
      }) and cannot be finished or undone: ${messageOf(error)}`,
      {
        cause: error,
        changed: true,
        hint: commandLine(paths, "repair", paths.name),
      },
    );
  }
}

/**
 * Repairs an interrupted operation, if there was one. Its journal is removed
 * last: after another kill, the next call begins again.
 *
 * @returns undefined if there was none
 * @throws {HotplugError} `interrupted` if it cannot be repaired; status 4 if
 * QEMU cannot be asked
 */
export async function recover(
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<Recovery | undefined> {
  using dir = openOwnDirectory(paths.runDir);
  const reading = await readJournal(dir, paths, options.load);
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
        { hint: commandLine(paths, "repair", paths.name) },
      );
    default:
      return reading satisfies never;
  }
}

/** The error for a journal of a runtime file with another instance name. */
export function foreignJournal(
  instance: string,
  { name, runtime }: InstancePaths,
): HotplugError {
  return refuse(
    `An interrupted change of ${runtime} belongs to instance ${instance}, not to ${name}`,
    `run repair with the same options for ${instance}`,
  );
}

/**
 * Refuses to record the changes of one VM in another VM's file, unless file and
 * socket were both given.
 *
 * @param vm the `query-name` of the process at the socket
 * @throws {HotplugError} `refused` if the socket belongs to another VM
 */
export function refuseForeignVm(vm: string, paths: InstancePaths): void {
  if (paths.isGiven || vm === "" || vm === paths.name) return;
  throw refuse(
    `The QMP socket ${paths.qmp} belongs to VM ${
      JSON.stringify(vm)
    }, not to ${paths.name}`,
    "if this VM is the right one, give its runtime file with --state",
  );
}
