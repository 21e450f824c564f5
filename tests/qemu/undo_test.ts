import { assert, assertEquals, assertRejects } from "@std/assert";
import { allFdNames } from "../../lib/device/nic.ts";
import type { DiskAdd } from "../../lib/disk/request.ts";
import { apply } from "../../lib/engine/apply.ts";
import type { QmpStep } from "../../lib/engine/qmp_steps.ts";
import { World } from "../../lib/engine/world.ts";
import { HotplugError } from "../../lib/errors.ts";
import { type AnyStep, prepareKind, REGISTER } from "../../lib/kinds.ts";
import type { NicAdd } from "../../lib/nic/request.ts";
import { askQemu } from "../../lib/plan/ask_qemu.ts";
import {
  completeFacts,
  expectRuntime,
  readNode,
} from "../../lib/plan/facts.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { known, type KnownPlan, onePlan, STEPS } from "../support/steps.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { keptFdNames, type Snapshot, snapshot } from "../lab/snapshot.ts";
import type { Vm } from "../lab/vm.ts";

/** A step that QEMU always refuses. */
const IMPOSSIBLE: QmpStep = {
  kind: "qmp",
  execute: "no-such-command",
  arguments: {},
  undo: null,
};

/** The same step, so that it fails by itself; null if it cannot. */
function broken(step: AnyStep): AnyStep | null {
  switch (step.kind) {
    case "qmp":
      return { ...step, arguments: { ...step.arguments, "bo-gus": 1 } };
    case "open-source":
      return { ...step, identity: "file 0:0 0" };
    case "open-tap":
      return { ...step, name: "lo" };
    case "attach-tap":
      return { ...step, to: step.to && { ...step.to, link: "lo" } };
    case "verify-device":
      return { ...step, slot: step.slot + 1 };
    case "stage-state":
    case "commit-state":
      return { ...step, path: "/proc/nowhere/x.runtime" };
    case "nic-files":
      return { ...step, directory: "/proc/nowhere" };
    default:
      return null;
  }
}

/** Every way in which one step of a plan can fail, as plans. */
function failures(plan: KnownPlan): { how: string; plan: KnownPlan }[] {
  const { steps } = plan;
  return steps.flatMap((step, i) => {
    const name = step.kind === "qmp" ? step.execute : step.kind;
    const after = {
      how: `after ${name}`,
      steps: steps.toSpliced(i + 1, 0, IMPOSSIBLE),
    };
    const bad = broken(step);
    const itself = bad && { how: `in ${name}`, steps: steps.with(i, bad) };
    return [after, itself].flatMap((one) =>
      one === null ? [] : [{
        how: one.how,
        plan: JSON.parse(
          JSON.stringify({ ...plan, steps: one.steps }),
        ) as KnownPlan,
      }]
    );
  });
}

async function openWorld(vm: Vm): Promise<World> {
  const options = { timeoutMs: 5_000, unplugTimeoutMs: 20_000 };
  const qmp = await QmpSession.open(vm.qmpPath, options);
  return new World(qmp, { ...options, qmpPath: vm.qmpPath, steps: STEPS });
}

async function planOf(
  vm: Vm,
  request: DiskAdd | NicAdd,
  world: World,
): Promise<KnownPlan> {
  const paths = instancePaths(vm.runDir, vm.name);
  const node = await readNode(paths, expectRuntime(paths));
  const qemu = await askQemu(world.qmp, paths, REGISTER);
  const plan = await prepareKind(request, { node, world });
  const facts = await completeFacts(node, await qemu(), REGISTER);
  const made = onePlan(await plan(facts));
  if (made.steps.length === 0) throw new Error("there is nothing to do");
  return known(made, paths);
}

/** Applies every failing variant of a plan; all must be as before each time. */
async function failEach(
  vm: Vm,
  request: DiskAdd | NicAdd,
  { before, context }: { before: Snapshot; context: Deno.TestContext },
) {
  using first = await openWorld(vm);
  const whole = await planOf(vm, request, first);
  first[Symbol.dispose]();
  const tried = failures(whole);
  assert(tried.length > whole.steps.length);
  for (const { how, plan } of tried) {
    await context.step(`failing ${how}`, async () => {
      using world = await openWorld(vm);
      const error = await assertRejects(() => apply(plan, world), HotplugError);
      assertEquals(error.changed, false, error.message);
      assert(
        [
          "qmp-error",
          "host-error",
          "state-write-failed",
          "refused",
          "bad-state-file",
        ]
          .includes(error.code),
        error.code,
      );
      assertEquals(await snapshot(vm), before);
      assertEquals(await keptFdNames(vm, allFdNames()), []);
    });
  }
}

const common = {
  uuid: { value: "d0000001-1111-4111-8111-000000000001", origin: "given" },
} as const;

/** A disk to add, with an image of its own, and how else the request is. */
async function failDisk(
  vm: Vm,
  context: Deno.TestContext,
  more: Pick<DiskAdd, "driver" | "controller"> = {},
): Promise<void> {
  const source = `${vm.runDir}/d1.img`;
  await makeImage(source, "x");
  const request: DiskAdd = {
    kind: "disk-add",
    instance: vm.name,
    ...common,
    source,
    settings: {},
    migratable: "required",
    ...more,
  };
  await failEach(vm, request, { before: await snapshot(vm), context });
}

eachRelease("disk add is undone at every step", (vm, t) => failDisk(vm, t));

eachRelease(
  "a SCSI controller is undone at every step",
  (vm, t) =>
    failDisk(vm, t, { driver: "scsi-hd", controller: "virtio-scsi-pci" }),
);

eachRelease("nic add is undone at every step", async (vm, context) => {
  const link = `kh-un${vm.pid % 100_000}`;
  await host("ip", "link", "add", link, "type", "bridge");
  try {
    const request: NicAdd = {
      kind: "nic-add",
      instance: vm.name,
      ...common,
      mac: { value: "aa:00:00:00:00:02", origin: "given" },
      mode: "bridged",
      link,
    };
    await failEach(vm, request, { before: await snapshot(vm), context });
  } finally {
    await host("ip", "link", "del", link);
  }
});
