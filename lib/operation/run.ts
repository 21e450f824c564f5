/**
 * One operation from request to outcome: lock, facts, plan, apply.
 *
 * @module
 */

import { applyJournaled } from "../engine/journaled.ts";
import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { isRepeat } from "../engine/qmp_steps.ts";
import { refuseForeignVm } from "../engine/recover.ts";
import { World } from "../engine/world.ts";
import { HotplugError, type Remark, remark, withDetails } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { unchanged } from "../monitor/failure.ts";
import { openMonitor } from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import {
  completeFacts,
  expectInstance,
  makeNonce,
  readNode,
  readRecord,
} from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import { readHvparams } from "../state/hvparams.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import { jsonNode, parseJson } from "../state/json.ts";
import { findOwnFile } from "../state/journal_file.ts";
import { expectRoot, lockInstance } from "../state/lock.ts";
import { isCurrent } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { libcFault } from "../sys/libc.ts";
import { planAdopt } from "./adopt.ts";
import { readAdoptFacts } from "./adopt_facts.ts";
import {
  finishReleased,
  outcomeOfRecovery,
  pinned,
  recoverInterrupted,
  recoverySettled,
} from "./earlier.ts";
import { stepsOf } from "./journal_reader.ts";
import type { Outcome } from "./outcome.ts";
import { commandOf, isOffline, type Request } from "./request.ts";
import { isCommit } from "../engine/state_steps.ts";
import {
  kindWords,
  loadNotes,
  loadWholeKinds,
  planLinks,
  prepareKind,
} from "../kinds.ts";
import type { Planner } from "../plan/kind.ts";

/** The runtime file, which only `adopt` can do without. */
function readContent(request: Request, paths: InstancePaths): RuntimeContent {
  const { content, fault } = readRecord({ kind: "instance", paths });
  const isNone = fault?.code === "no-such-instance";
  if (fault === undefined || (isNone && request.kind === "adopt")) {
    return content;
  }
  throw fault;
}

/** What a request comes to, and whom it is about, as far as that was asked. */
async function decide(
  request: Request,
  { paths, content, world }: {
    paths: InstancePaths;
    content: RuntimeContent;
    world: World;
  },
): Promise<{ plan: Plan; process: QemuProcess | undefined }> {
  if (request.kind === "state-upgrade") {
    return { plan: planStateUpgrade(paths, content), process: undefined };
  }
  if (request.kind === "links-mend") {
    return await planLinks(request, paths, content);
  }
  const qemu = await askQemu(world.qmp, paths);
  // QEMU works on its answers meanwhile.
  const node = await readNode(paths, content);
  const plan: Planner = request.kind === "adopt"
    ? async (facts) => planAdopt(await readAdoptFacts(facts, world.qmp))
    : await prepareKind(request, { node, world });
  const facts = await completeFacts(node, await qemu(), loadNotes);
  refuseForeignVm(facts.qemu.name, paths);
  return { plan: await plan(facts), process: facts.qemu.process };
}

/** The entry a plan records or takes out. */
function entryOf({ steps }: Plan): string | undefined {
  const commit = steps.find(isCommit);
  const change = commit?.change.change === "delete"
    ? commit.inverse
    : commit?.change;
  return change?.change === "insert" ? change.entry : undefined;
}

/** A file's content, its hvparams filled up with those of the configuration. */
function filled(content: RuntimeContent, request: Request): RuntimeContent {
  const configured = "ganeti" in request ? request.ganeti?.hvparams : undefined;
  if (configured === undefined) return content;
  const { runtime } = content;
  const hvparams = readHvparams(
    runtime.root.items[2] ?? jsonNode({}),
    parseJson(configured),
  );
  return { ...content, runtime: { ...runtime, hvparams } };
}

/** Members of the device's document that steps found out. */
function foundOut({ steps, values }: World): Record<string, string> {
  const found = steps.values.flatMap((one) => {
    const value = values.get(one);
    return one.member === undefined || value === undefined
      ? []
      : [[one.member, value] as const];
  });
  return Object.fromEntries(found);
}

function outcomeOf(plan: Plan, world: World): Outcome {
  const { instance, action, device, adoption, warnings } = plan;
  return {
    instance,
    action,
    changed: !plan.steps.every(isRepeat),
    device: device && { ...device, ...foundOut(world) },
    ...(adoption && { adoption }),
    warnings: [...warnings, ...world.leftAlone],
    entry: entryOf(plan),
  };
}

/** The request alone; a change is made under the lock. */
async function runOne(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Outcome> {
  const { content, qmp } = await unchanged(async () => ({
    content: filled(readContent(request, paths), request),
    qmp: isOffline(request) ? undefined : await openMonitor(paths.qmp, options),
  }));
  const steps = stepsOf(await loadWholeKinds(kindWords(request)));
  using world = new World(qmp, { ...options, steps, qmpPath: paths.qmp });
  const known = { paths, content, world };
  const { plan, process } = await unchanged(() => decide(request, known));
  if (options.mode === "dry-run") {
    const described = plan.steps.map((one) => steps.of(one).describe(one));
    return { ...plan, changed: false, plan: described };
  }
  if (plan.steps.length > 0) {
    await applyJournaled(plan, {
      command: commandOf(request),
      request: fingerprintOf(request),
      process,
      ...known,
      options,
    });
  }
  return outcomeOf(plan, world);
}

const UNFINISHED = remark(
  "unfinished",
  "a change of this instance is under way, or was interrupted: the next change or repair puts it in order",
);

function withWarnings(
  outcome: Outcome,
  ...warnings: readonly Remark[]
): Outcome {
  return { ...outcome, warnings: [...warnings, ...outcome.warnings] };
}

/** The request, between what earlier operations left. */
async function runAfterEarlier(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Outcome> {
  using _lock = await unchanged(() =>
    lockInstance(paths, { ...options, command: commandOf(request) })
  );
  const carryOut = (one: Request) => runOne(one, paths, options);
  const meant = await unchanged(() => pinned(request, paths));
  const recovery = await unchanged(() => recoverInterrupted(paths, options));
  const settled = recoverySettled(recovery);
  // A removal says by its place which device it means: the others stay where
  // they are until it is done.
  const isRemoval = request.kind.endsWith("-remove");
  const finish = () => finishReleased({ paths, options, settled }, carryOut);
  try {
    if (!isRemoval) await finish();
    const outcome = outcomeOfRecovery([request, meant], recovery) ??
      await carryOut(meant);
    if (isRemoval) await finish();
    return withSettled(outcome, settled);
  } catch (error) {
    throw settled.length > 0 && error instanceof HotplugError
      ? withDetails(error, { settled })
      : error;
  }
}

/** A line on stderr for each, and the same for programs. */
function withSettled(outcome: Outcome, settled: readonly Remark[]): Outcome {
  return { ...withWarnings(outcome, ...settled), settled };
}

/**
 * Carries out a request, or plans it only.
 *
 * @throws {HotplugError}
 */
export async function run(
  request: Request,
  options: RunOptions,
): Promise<Outcome> {
  // Without it no fd reaches QEMU: said before anything is looked at.
  const fault = libcFault("sendmsg");
  if (fault !== undefined) throw fault;
  expectRoot();
  const paths = instancePaths(options.runDir, request.instance, options);
  if (request.kind !== "adopt") expectInstance(paths);
  if (options.mode === "apply") {
    return await runAfterEarlier(request, paths, options);
  }
  // A question changes nothing, not even a missing folder: it takes no lock.
  const found = findOwnFile(paths, "journal") === "there" ? [UNFINISHED] : [];
  return withWarnings(await runOne(request, paths, options), ...found);
}

/** Plans to bring the runtime file to the form Ganeti 3.1 writes. */
export function planStateUpgrade(
  paths: InstancePaths,
  content: RuntimeContent,
): Plan {
  const about = {
    action: "upgrade",
    instance: paths.name,
    title: `runtime file ${paths.runtime}`,
    device: null,
  } as const;
  if (isCurrent(content.runtime)) return planOf({ ...about, steps: [] });
  const { stage, commit } = stateSteps(
    { paths, content, nonce: makeNonce() },
    { change: "upgrade" },
  );
  return planOf({ ...about, steps: [stage, commit] });
}
