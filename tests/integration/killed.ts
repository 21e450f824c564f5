/**
 * An operation that is killed: its steps are done one by one with the journal
 * that the tool writes, and then nothing more of it happens.
 *
 * @module
 */

import { askQemu } from "../../lib/plan/ask_qemu.ts";
import {
  completeFacts,
  expectRuntime,
  type Facts,
  readNode,
} from "../../lib/plan/facts.ts";
import { beginJournal, journalProgress } from "../../lib/engine/journal.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import { World } from "../../lib/engine/world.ts";
import { type KindRequest, prepareKind, REGISTER } from "../../lib/kinds.ts";
import { interfaceIndex } from "../../lib/host/tap_holders.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import { kindOf, onePlan, STEPS } from "../support/steps.ts";
import type { Instance } from "../lab/scripted_instance.ts";
import { TAP } from "../lab/look.ts";
import { NAME, NEW_NIC } from "../lab/runtime_text.ts";

const TIMES = { timeoutMs: 2_000, unplugTimeoutMs: 1_000 };

/** A world upon an instance, as the tool opens one. */
export async function openWorld(vm: Instance): Promise<World> {
  const qmp = await QmpSession.open(vm.qmpPath, TIMES);
  return new World(qmp, { ...TIMES, qmpPath: vm.qmpPath, steps: STEPS });
}

async function decide(
  vm: Instance,
  request: KindRequest,
  { world, paths = instancePaths(vm.runDir, NAME) }: {
    world: World;
    paths?: InstancePaths;
  },
): Promise<Plan> {
  const node = await readNode(paths, expectRuntime(paths));
  const qemu = await askQemu(world.qmp, paths, REGISTER);
  const plan = await prepareKind(request, { node, world });
  const facts = await completeFacts(node, await qemu(), REGISTER);
  const made = onePlan(await plan(withTap(facts)));
  if (made.steps.length > 0) return made;
  throw new Error("there is nothing to do");
}

/** The peer has no process in which the tap of the NIC could be seen. */
function withTap(facts: Facts): Facts {
  const { netdevs } = facts.qemu;
  const nic = netdevs.get(NEW_NIC);
  if (nic === undefined) return facts;
  const seen = new Map([...netdevs, [NEW_NIC, {
    ...nic,
    tap: TAP,
    ifindex: interfaceIndex(TAP),
  }]]);
  return { ...facts, qemu: { ...facts.qemu, netdevs: seen } };
}

/** When a kill comes: the line of a step is written, the step done or not. */
export interface KillPoint {
  /** Index of the step. */
  readonly step: number;
  readonly when: "before" | "after";
  /** `--state`, together with `--qmp`. */
  readonly runtime?: string;
}

/** The plan of a request as it would be now. */
export async function planNow(
  vm: Instance,
  request: KindRequest,
): Promise<Plan> {
  using world = await openWorld(vm);
  return await decide(vm, request, { world });
}

/** Every point at which a plan can be killed. */
export function killPoints({ steps }: Plan): KillPoint[] {
  return steps.flatMap((_, step) =>
    (["before", "after"] as const).map((when) => ({ step, when }))
  );
}

/**
 * Plans and carries out a request up to a point, and no further: what a killed
 * process held is closed, and nothing is undone.
 */
export async function killAt(
  vm: Instance,
  request: KindRequest,
  { step: last, when, runtime }: KillPoint,
): Promise<Plan> {
  using world = await openWorld(vm);
  const given = runtime === undefined
    ? {}
    : { state: runtime, qmp: vm.qmpPath };
  const paths = instancePaths(vm.runDir, NAME, given);
  const plan = await decide(vm, request, { world, paths });
  using journal = beginJournal(paths, {
    plan,
    command: request.kind.replace("-", " "),
    request: "",
    qemu: undefined,
    steps: world.steps,
  });
  const progress = journalProgress(journal, { plan, world });
  for (const [index, step] of plan.steps.slice(0, last + 1).entries()) {
    const kind = kindOf(step);
    progress.doing?.(step, index, kind);
    if (index === last && when === "before") break;
    await kind.do(step, world);
  }
  world[Symbol.dispose]();
  await vm.peer.idle();
  return plan;
}
