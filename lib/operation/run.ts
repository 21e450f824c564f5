/**
 * One operation from request to outcome: lock, facts, plan, apply.
 *
 * @module
 */

import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import { type Decision, type Plan, planOf } from "../engine/plan.ts";
import { refuseForeignVm } from "../engine/recover_world.ts";
import { World } from "../engine/world.ts";
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
import { parseJson } from "../state/json.ts";
import { jsonNode } from "../state/json_node.ts";
import { lockInstance } from "../state/lock.ts";
import { isCurrent } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import type { Fd } from "../sys/fd.ts";
import { libcFault } from "../sys/libc.ts";
import { leftAloneText, type Outcome } from "./outcome.ts";
import { afterRecovery } from "./recover_first.ts";
import {
  commandOf,
  type DeviceRequest,
  isOffline,
  type OfflineRequest,
  type Request,
} from "./request.ts";
import { isCommit } from "../engine/state_steps.ts";
import {
  kindWords,
  loadKinds,
  loadNotes,
  loadReader,
  planLinks,
  prepareKind,
  stepsOf,
} from "../kinds.ts";
import type { NodeFacts } from "../plan/facts.ts";
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

/** Plans what is about files alone: the VM need not run. */
async function planOffline(
  request: OfflineRequest,
  { paths, content }: { paths: InstancePaths; content: RuntimeContent },
): Promise<{ decision: Decision; process: QemuProcess | undefined }> {
  if (request.kind === "links-mend") {
    return await planLinks(request, paths, content);
  }
  return { decision: planStateUpgrade(paths, content), process: undefined };
}

/** Prepares the planning of a request while QEMU works on its answers. */
async function prepare(
  request: DeviceRequest,
  node: NodeFacts,
  world: World,
): Promise<Planner> {
  if (request.kind !== "adopt") {
    return await prepareKind(request, { node, world });
  }
  const { readAdoptFacts } = await import("./adopt_facts.ts");
  const { planAdopt } = await import("./adopt.ts");
  return async (facts) => planAdopt(await readAdoptFacts(facts, world.qmp));
}

async function planWith(
  request: DeviceRequest,
  { paths, content, world, options }: {
    paths: InstancePaths;
    content: RuntimeContent;
    world: World;
    options: RunOptions;
  },
): Promise<{ decision: Decision; process: QemuProcess | undefined }> {
  const qemu = await askQemu(world.qmp, paths);
  const node = await readNode(paths, content);
  const plan = await prepare(request, node, world);
  // Needed soon, and compiled for free while QEMU works.
  if (options.mode === "apply") await import("../engine/journaled.ts");
  const facts = await completeFacts(node, await qemu(), loadNotes);
  refuseForeignVm(facts.qemu.name, paths);
  return { decision: await plan(facts), process: facts.qemu.process };
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
    const { member } = one;
    return member === undefined || value === undefined
      ? []
      : [[member, value] as const];
  });
  return Object.fromEntries(found);
}

function outcomeOf(plan: Plan, world: World): Outcome {
  const { instance, action, device, adoption, warnings } = plan;
  return {
    instance,
    action,
    changed: true,
    device: device && { ...device, ...foundOut(world) },
    ...(adoption && { adoption }),
    warnings: [...warnings, ...leftAloneText(world)],
    entry: entryOf(plan),
  };
}

/** The work that is done under the lock. */
async function runLocked(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Outcome> {
  const { content, qmp } = await unchanged(async () => ({
    content: filled(readContent(request, paths), request),
    qmp: isOffline(request) ? undefined : await openMonitor(paths.qmp, options),
  }));
  const steps = await stepsOf(await loadKinds(kindWords(request)));
  using world = new World(qmp, { ...options, steps, qmpPath: paths.qmp });
  const known = { paths, content, world, options };
  const { decision, process } = await unchanged(() =>
    isOffline(request) ? planOffline(request, known) : planWith(request, known)
  );
  if (decision.kind === "nothing-to-do") {
    const plan = options.mode === "dry-run" ? [] : undefined;
    return { ...decision, changed: false, plan };
  }
  const { plan } = decision;
  if (options.mode === "dry-run") {
    const described = plan.steps.map((one) => steps.of(one).describe(one));
    return { ...plan, changed: false, plan: described };
  }
  const { applyJournaled } = await import("../engine/journaled.ts");
  await applyJournaled(plan, {
    command: commandOf(request),
    request: fingerprintOf(request),
    process,
    ...known,
    options: { ...options, load: loadReader },
  });
  return outcomeOf(plan, world);
}

async function lock(
  request: Request,
  paths: InstancePaths,
  options: RunOptions,
): Promise<Fd | undefined> {
  // A question changes nothing, not even a missing folder.
  if (options.mode === "dry-run") return undefined;
  return await lockInstance(paths, {
    timeoutMs: options.lockTimeoutMs,
    command: commandOf(request),
    signal: options.signal,
    waiting: options.waiting,
  });
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
  const paths = instancePaths(options.runDir, request.instance, options);
  if (request.kind !== "adopt") expectInstance(paths);
  using _lock = await unchanged(() => lock(request, paths, options));
  return await afterRecovery(request, {
    paths,
    options,
    carryOut: (one) => runLocked(one, paths, options),
  });
}

/** Plans to bring the runtime file to the form Ganeti 3.1 writes. */
export function planStateUpgrade(
  paths: InstancePaths,
  content: RuntimeContent,
): Decision {
  const about = {
    action: "upgrade",
    instance: paths.name,
    device: null,
    warnings: [],
  } as const;
  if (isCurrent(content.runtime)) return { kind: "nothing-to-do", ...about };
  const { stage, commit } = stateSteps(
    { paths, content, nonce: makeNonce() },
    { change: "upgrade" },
  );
  const title = `runtime file ${paths.runtime}`;
  const steps = [stage, commit];
  return { kind: "plan", plan: planOf({ ...about, title, kinds: [], steps }) };
}
