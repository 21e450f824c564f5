/**
 * Repairs an instance: finishes or takes back an interrupted change, then
 * compares runtime file, QEMU and node, repairs everything that is provably
 * ours or dead, and lists the rest.
 *
 * @module
 */

import { applyJournaled } from "../engine/journaled.ts";
import { refuseForeignVm } from "../engine/recover.ts";
import type { RunOptions } from "../engine/options.ts";
import { World } from "../engine/world.ts";
import {
  HotplugError,
  isFailure,
  messageOf,
  type Remark,
  remark,
  remarkOf,
} from "../errors.ts";
import { findQemu, type QemuProcess } from "../host/process.ts";
import { lookForProcess } from "../host/process_identity.ts";
import { unchanged } from "../monitor/failure.ts";
import { openInstanceMonitor } from "../monitor/monitor.ts";
import { expectRuntime } from "../plan/facts.ts";
import { pendingRemark } from "../plan/compare_own.ts";
import type { Repaired, RepairOutcome } from "../plan/finding.ts";
import {
  commandLine,
  type InstancePaths,
  instancePaths,
  ownPath,
} from "../state/instance.ts";
import { findOwnFile } from "../state/journal_file.ts";
import { lockInstance } from "../state/lock.ts";
import { EMPTY_RECORD } from "../state/own_check.ts";
import { knownNotes, readOwnRecord } from "../state/own_record.ts";
import { shellWord } from "../state/shell_word.ts";
import { SysError } from "../sys/errno.ts";
import { settled } from "./settled.ts";
import { putAway, repairJournal } from "./journal.ts";
import {
  loadNotes,
  loadWholeKinds,
  recordedDevices,
  REGISTER,
} from "../kinds.ts";
import { stepsOf } from "../operation/journal_reader.ts";
import { compareAlone, compareWhole } from "../compare/whole.ts";
import type { Step } from "../engine/verbs.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import type { Compared, Difference } from "../plan/difference.ts";

/** The present faults. */
interface Found {
  readonly compared: Compared;
  readonly process: QemuProcess | undefined;
  /** Removals that wait for the guest. */
  readonly pending: readonly Remark[];
}

type Look = () => Promise<Found>;

/** Without QEMU only this node's side can be checked. */
function lookWithout(paths: InstancePaths): Look {
  return async () => ({
    compared: await compareAlone(paths),
    process: undefined,
    pending: [],
  });
}

function lookAtAll(
  paths: InstancePaths,
  world: World,
  { mode }: RunOptions,
): Look {
  let isFirst = mode === "apply";
  return async () => {
    const { qmp } = world;
    const compare = async () => {
      const facts = await readFacts(paths, qmp, REGISTER);
      return await compareWhole(facts, qmp);
    };
    const compared = isFirst ? await settled(compare, world) : await compare();
    isFirst = false;
    const { qemu, own, content: { runtime } } = compared.facts;
    const entries = recordedDevices(runtime);
    refuseForeignVm(qemu.name, paths);
    const gone = compared.differences
      .filter(({ code }) => code === "not-in-qemu")
      .map(({ device }) => device?.id);
    const pending = Object.values(own.record.devices)
      .flatMap((one) => one.pending ?? [])
      .filter(({ id }) => !gone.includes(id))
      .map((one) => {
        const entry = entries.find(({ hvinfo }) => hvinfo.id === one.id);
        return pendingRemark(one, entry, paths);
      });
    return { compared, process: qemu.process, pending };
  };
}

/** Without its monitor QEMU may still use everything that was made for it. */
function stillRuns(paths: InstancePaths): boolean {
  if (findQemu(paths.pid, paths.name) !== undefined) return true;
  const { qemu } = readOwnRecord(paths);
  if (qemu === null) return false;
  return lookForProcess(qemu) === "same";
}

async function openWorld(
  paths: InstancePaths,
  options: RunOptions,
): Promise<World> {
  const steps = stepsOf(await loadWholeKinds());
  const more = { ...options, steps, qmpPath: paths.qmp };
  try {
    return new World(await openInstanceMonitor(paths, options), more);
  } catch (error) {
    const down = isFailure(error, "not-running") &&
      error.cause instanceof SysError;
    if (!down || stillRuns(paths)) throw error;
    return new World(undefined, more);
  }
}

/** More rounds mean a fault in the tool: each round repairs one difference. */
const MAX_ROUNDS = 500;

/** The result, without the journal. */
type Outcome = Pick<
  RepairOutcome,
  "repaired" | "remaining" | "pending" | "plan"
>;

/**
 * Repairs one difference after the other; after each repair the instance is
 * compared again.
 */
async function mendAll(
  paths: InstancePaths,
  look: Look,
  { world, options }: { world: World; options: RunOptions },
): Promise<Outcome> {
  const repaired: Repaired[] = [];
  const failed: Remark[] = [];
  const tried = new Set<string>();
  for (let round = 0;; round++) {
    const { compared, process, pending } = await look();
    const { differences } = compared;
    const next = differences.find(({ message, mend }) =>
      mend !== undefined && !tried.has(message)
    );
    if (next === undefined || round === MAX_ROUNDS) {
      const rest = differences.filter(({ mend }) => mend === undefined);
      const remaining = [...failed, ...world.leftAlone, ...rest];
      return { repaired, remaining, pending };
    }
    const { message: what, mend } = next;
    tried.add(what);
    try {
      const plan = await compared.plan(next, world);
      if (plan !== undefined && plan.steps.length > 0) {
        await applyJournaled(plan, {
          // No plan of repair is a request of its own.
          ...{ command: "repair", request: "", paths, process, world },
          options,
        });
      }
      repaired.push({ what, did: mend?.did ?? "" });
    } catch (error) {
      failed.push({ ...remarkOf(next), hint: messageOf(error) });
      if (findOwnFile(paths, "journal") === "there") putAway(paths);
    }
    world.values.clear();
    if (world.hasQemu) await world.reconnect();
  }
}

/**
 * Plans all repairs, so that each promised repair is possible. Several
 * differences may have the same steps.
 *
 * @returns the steps of all; why other differences would not be repaired
 */
export async function lookAhead(
  { differences, plan }: Compared,
  world: World,
): Promise<{ steps: Step[]; refused: ReadonlyMap<Difference, string> }> {
  const plans = new Map<string, readonly Step[]>();
  const refused = new Map<Difference, string>();
  for (const one of differences.filter(({ mend }) => mend !== undefined)) {
    try {
      const { steps = [] } = await plan(one, world) ?? {};
      plans.set(JSON.stringify(steps), steps);
    } catch (error) {
      if (!(error instanceof HotplugError)) throw error;
      refused.set(one, messageOf(error));
    }
  }
  return { steps: [...plans.values()].flat(), refused };
}

/**
 * The differences that remain if nothing is repaired. Pure.
 *
 * @param options.again the command that repairs
 * @param options.refused why a difference would not be repaired
 */
export function remainingDifferences(
  differences: readonly Difference[],
  { again, refused }: {
    readonly again: string;
    readonly refused: ReadonlyMap<Difference, string>;
  },
): Remark[] {
  return differences.map((one) => ({
    ...remarkOf(one),
    hint: one.mend === undefined ? one.hint : refused.get(one) ?? again,
  }));
}

/**
 * Only lists the differences, and the command that repairs them.
 *
 * @param options.parts names of the objects of an interrupted change, which is
 * listed as one difference
 */
async function listAll(
  paths: InstancePaths,
  look: Look,
  { world, options, parts }: {
    world: World;
    options: RunOptions;
    parts: readonly string[];
  },
): Promise<Outcome> {
  const again = commandLine(paths, "repair", paths.name);
  const { compared, pending } = await look();
  const differences = compared.differences.filter((one) =>
    !parts.some((name) => JSON.stringify(one).includes(name))
  );
  const ahead = { ...compared, differences };
  const { steps, refused } = await lookAhead(ahead, world);
  return {
    repaired: [],
    remaining: remainingDifferences(differences, { again, refused }),
    pending,
    ...(options.mode === "dry-run" && {
      plan: steps.map((one) => world.steps.of(one).describe(one)),
    }),
  };
}

async function repairLocked(
  paths: InstancePaths,
  options: RunOptions,
): Promise<RepairOutcome> {
  expectRuntime(paths);
  const fault = await unchanged(() => ownRecordFault(paths));
  if (fault !== undefined) {
    const { name: instance } = paths;
    const plan = options.mode === "dry-run" ? { plan: [] } : {};
    const rest = { remaining: [fault], pending: [], qemu: "runs" } as const;
    return { instance, repaired: [], ...rest, ...plan };
  }
  const journal = await unchanged(() => repairJournal(paths, options));
  using world = await unchanged(() => openWorld(paths, options));
  world.leftAlone.push(...journal.leftAlone ?? []);
  const look = world.hasQemu
    ? lookAtAll(paths, world, options)
    : lookWithout(paths);
  // With a journal that cannot be used, no other journal may be written.
  const mends = options.mode === "apply" && journal.remaining.length === 0;
  const { parts = [] } = journal;
  const found = await unchanged(() =>
    (mends ? mendAll : listAll)(paths, look, { world, options, parts })
  );
  return {
    ...found,
    instance: paths.name,
    repaired: [...journal.repaired, ...found.repaired],
    remaining: [...journal.remaining, ...found.remaining].map(remarkOf),
    qemu: world.hasQemu ? "runs" : "down",
  };
}

/**
 * Repairs an instance, or reports the repairs.
 *
 * @throws {HotplugError}
 */
export async function repair(
  instance: string,
  options: RunOptions,
): Promise<RepairOutcome> {
  const paths = instancePaths(options.runDir, instance, options);
  await unchanged(() => expectRuntime(paths));
  using _lock = options.mode === "dry-run"
    ? undefined
    : await unchanged(() =>
      lockInstance(paths, { ...options, command: "repair" })
    );
  return await repairLocked(paths, options);
}

/**
 * Why an instance's own record cannot be used, and the hint for it; undefined
 * if it can. It is never removed automatically: it may be the only note of the
 * earlier owner of a disk.
 */
export async function ownRecordFault(
  paths: InstancePaths,
): Promise<Remark | undefined> {
  try {
    const record = readOwnRecord(paths);
    if (record !== EMPTY_RECORD) knownNotes(record, await loadNotes(), paths);
    return undefined;
  } catch (error) {
    if (!isFailure(error, "bad-state-file")) throw error;
    const path = ownPath(paths, "json");
    return remark(
      "record-unusable",
      `${error.message}; find out which program made it. If you remove it, limits and pending removals are lost, and changes by --via chown and mknod must be undone by hand`,
      { hint: `rm -r ${shellWord(path)}` },
    );
  }
}
