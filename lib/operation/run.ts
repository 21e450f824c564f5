/**
 * Runs one operation from request to outcome: lock, repairs after earlier calls
 * (an interrupted change, removals that the guest has completed since), facts,
 * plan, apply.
 *
 * @module
 */

import { applyJournaled } from "../engine/journaled.ts";
import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import { mayHave } from "../engine/own_facts.ts";
import type { Plan } from "../engine/plan.ts";
import { isRepeat } from "../engine/qmp_steps.ts";
import { recover, type Recovery, refuseForeignVm } from "../engine/recover.ts";
import { World } from "../engine/world.ts";
import {
  HotplugError,
  type Remark,
  remark,
  toldOf,
  withDetails,
} from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { unchanged } from "../monitor/failure.ts";
import { openInstanceMonitor } from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import {
  completeFacts,
  expectInstance,
  expectRuntime,
  readNode,
  readRecord,
} from "../plan/facts.ts";
import { readHvparams } from "../state/hvparams.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import { jsonNode, parseJson } from "../state/json.ts";
import { findOwnFile } from "../state/journal_file.ts";
import { expectRoot, lockInstance } from "../state/lock.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { libcFault } from "../sys/libc.ts";
import { planAdopt } from "./adopt.ts";
import { readAdoptFacts } from "./adopt_facts.ts";
import { planIdentity } from "./identity.ts";
import { planStateUpgrade } from "./upgrade.ts";
import { loadSteps, stepsOf } from "./journal_reader.ts";
import type { Outcome } from "./outcome.ts";
import { commandOf, isOffline, type Request } from "./request.ts";
import { finishReleased } from "./released.ts";
import { carryOutRow, isRow } from "./row.ts";
import { isCommit } from "../engine/state_steps.ts";
import {
  type KindRequest,
  kindWords,
  loadWholeKinds,
  planLinks,
  prepareKind,
  recordedDevices,
  registerFor,
} from "../kinds.ts";
import type { Planner, Row } from "../plan/kind.ts";
import { nameOf } from "../plan/recorded.ts";
import { findDevice } from "../device/select.ts";

/** Longest wait for the guest in an operation other than the requested one. */
const OTHER_UNPLUG_TIMEOUT_MS = 3_000;

/** Repairs an earlier interrupted operation, if there was one. */
async function recoverInterrupted(
  paths: InstancePaths,
  options: RunOptions,
): Promise<Recovery | undefined> {
  if (!mayHave(paths, "journal")) return undefined;
  const { unplugTimeoutMs } = options;
  return await recover(paths, {
    ...options,
    load: loadSteps,
    unplugTimeoutMs: Math.min(unplugTimeoutMs, OTHER_UNPLUG_TIMEOUT_MS),
  });
}

/** A place in the list, or the last one. */
const INDEX = /^(?:0|[1-9]\d*|-1)$/;

/**
 * The request with the device's uuid in place of its index: the repairs before
 * it may give the index to another device.
 */
function pinned(request: Request, paths: InstancePaths): Request {
  if (!("device" in request) || !INDEX.test(request.device)) return request;
  const isLeft = findOwnFile(paths, "journal") === "there" ||
    findOwnFile(paths, "json") === "there";
  if (!isLeft) return request;
  const words = kindWords(request);
  const devices = recordedDevices(expectRuntime(paths).runtime)
    .filter(({ kind }) => words.includes(kind));
  const found = findDevice(devices, request.device);
  const device = found && nameOf(found);
  return device === undefined ? request : { ...request, device };
}

/** The remark about an interrupted change. */
function recoverySettled(recovery: Recovery | undefined): Remark[] {
  if (recovery === undefined) return [];
  const { what, did, plan, leftAlone = [] } = recovery;
  const device = plan?.device ? toldOf(plan.device) : null;
  const message = `${what}, was interrupted: ${did}`;
  return [remark("interrupted", message, { device }), ...leftAlone];
}

/** The outcome of a request that the recovery has just finished. */
function outcomeOfRecovery(
  requests: readonly Request[],
  recovery: Recovery | undefined,
): Outcome | undefined {
  if (recovery?.plan === undefined || recovery.course !== "finish") return;
  if (!requests.some((one) => recovery.request === fingerprintOf(one))) return;
  const { instance, action, device } = recovery.plan;
  return { instance, action, changed: true, device, warnings: [] };
}

/** The runtime file; only `adopt` works without it. */
function readContent(request: Request, paths: InstancePaths): RuntimeContent {
  const { content, fault } = readRecord({ kind: "instance", paths });
  const isNone = fault?.code === "no-such-instance";
  if (fault === undefined || (isNone && request.kind === "adopt")) {
    return content;
  }
  throw fault;
}

/** The plan of a request, and its QEMU, as far as it was asked. */
async function decide(
  request: Request,
  { paths, content, world }: {
    paths: InstancePaths;
    content: RuntimeContent;
    world: World;
  },
): Promise<{
  plan: Plan | Row<KindRequest>;
  process: QemuProcess | undefined;
}> {
  if (request.kind === "state-upgrade") {
    return { plan: planStateUpgrade(paths, content), process: undefined };
  }
  if (request.kind === "links-mend") {
    return await planLinks(request, paths, content);
  }
  if (request.kind === "identity-mend") {
    return await planIdentity(request, paths, content);
  }
  const register = registerFor(request);
  const qemu = await askQemu(world.qmp, paths, register);
  // QEMU works on its answers meanwhile.
  const node = await readNode(paths, content);
  const plan: Planner<KindRequest> = request.kind === "adopt"
    ? async (facts) =>
      planAdopt(await readAdoptFacts(facts, world.qmp, request.uuid))
    : await prepareKind(request, { node, world });
  const facts = await completeFacts(node, await qemu(), register);
  refuseForeignVm(facts.qemu.name, paths);
  return { plan: await plan(facts), process: facts.qemu.process };
}

/** The entry that a plan records or removes. */
function entryOf({ steps }: Plan): string | undefined {
  const commit = steps.find(isCommit);
  const change = commit?.change.change === "delete"
    ? commit.inverse
    : commit?.change;
  return change?.change === "insert" ? change.entry : undefined;
}

/** A file's content with hvparams that are completed from the configuration. */
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

/** Members of the device's document that steps found. */
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
  const { instance, action, device, adoption, warnings, done = [] } = plan;
  return {
    instance,
    action,
    changed: plan.steps.some((step) =>
      !isRepeat(step) && world.steps.traits(step).leaves !== "nothing"
    ),
    device: device && { ...device, ...foundOut(world) },
    ...(adoption && { adoption }),
    warnings: [...warnings, ...done, ...world.leftAlone],
    entry: entryOf(plan),
  };
}

/** The request alone, unless it becomes a row. */
async function runAlone(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Outcome | Row<KindRequest>> {
  const { content, qmp } = await unchanged(async () => ({
    content: filled(readContent(request, paths), request),
    qmp: isOffline(request)
      ? undefined
      : await openInstanceMonitor(paths, options),
  }));
  const steps = stepsOf(await loadWholeKinds(kindWords(request)));
  using world = new World(qmp, { ...options, steps, qmpPath: paths.qmp });
  const known = { paths, content, world };
  const { plan, process } = await unchanged(() => decide(request, known));
  if (isRow(plan)) return plan;
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

/**
 * The request; a change is made under the lock.
 *
 * @param settle repairs things that an operation of a row may have released
 */
async function runOne(
  request: Request,
  { paths, options, settle }: {
    readonly paths: InstancePaths;
    readonly options: RunOptions;
    readonly settle?: () => Promise<void>;
  },
): Promise<Outcome> {
  const made = await runAlone(request, paths, options);
  if (!("parts" in made)) return made;
  const { count } = made;
  return await carryOutRow(paths.name, made, {
    count: count && options.mode === "apply"
      ? async () => {
        using qmp = await openInstanceMonitor(paths, options);
        return await count(qmp);
      }
      : undefined,
    one: async (part) => {
      if (part !== made.parts[0]?.request) await settle?.();
      return await runOne(part, { paths, options });
    },
    options,
  });
}

const UNFINISHED = remark(
  "unfinished",
  "a change of this instance is running or was interrupted; if it was interrupted, the next change or repair finishes or undoes it",
);

function withWarnings(
  outcome: Outcome,
  ...warnings: readonly Remark[]
): Outcome {
  return { ...outcome, warnings: [...warnings, ...outcome.warnings] };
}

/** The request, between the repairs after earlier operations. */
async function runAfterEarlier(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Outcome> {
  using _lock = await unchanged(() =>
    lockInstance(paths, { ...options, command: commandOf(request) })
  );
  const carryOut = (one: Request) =>
    runOne(one, { paths, options, settle: finish });
  const meant = await unchanged(() => pinned(request, paths));
  const recovery = await unchanged(() => recoverInterrupted(paths, options));
  const settled = recoverySettled(recovery);
  // A removal by index names its device by the place: the other devices keep
  // their places until it is done.
  const isRemoval = request.kind.endsWith("-remove");
  const finish = () => finishReleased({ paths, options, settled }, carryOut);
  try {
    if (!isRemoval) await finish();
    const outcome = outcomeOfRecovery([request, meant], recovery) ??
      await carryOut(meant);
    if (isRemoval) await finish();
    return { ...outcome, settled };
  } catch (error) {
    throw settled.length > 0 && error instanceof HotplugError
      ? withDetails(error, { settled })
      : error;
  }
}

/**
 * Carries out a request, or only plans it.
 *
 * @throws {HotplugError}
 */
export async function run(
  request: Request,
  options: RunOptions,
): Promise<Outcome> {
  // Without it no fd reaches QEMU: reported before any other check.
  const fault = libcFault("sendmsg");
  if (fault !== undefined) throw fault;
  expectRoot();
  const paths = instancePaths(options.runDir, request.instance, options);
  if (request.kind !== "adopt") expectInstance(paths);
  if (options.mode === "apply") {
    return await runAfterEarlier(request, paths, options);
  }
  // A question changes nothing, and does not even make a folder: it takes no
  // lock.
  const found = findOwnFile(paths, "journal") === "there" ? [UNFINISHED] : [];
  return withWarnings(await runOne(request, { paths, options }), ...found);
}
