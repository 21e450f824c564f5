/** What release 0.1 left when it was killed is put in order like our own. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Plan } from "../../lib/engine/plan.ts";
import { recover } from "../../lib/engine/recover.ts";
import { isUnplug } from "../../lib/engine/qmp_steps.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { readOwnRecord } from "../../lib/state/own_record.ts";
import {
  diskRemove,
  nicAdd,
  nicRemove,
  ownFiles,
  withDisk,
  withNic,
} from "./kill_requests.ts";
import { killAt, type KillPoint, planNow } from "./killed.ts";
import {
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NEW_NIC,
} from "../lab/scripted_instance.ts";

const MODIFY: KindRequest = {
  kind: "nic-modify",
  instance: NAME,
  device: NEW,
  changes: { mac: "aa:00:00:00:00:77" },
};

/** Takes out of the journal that is there what version 1 does not have. */
function makeOld(vm: Instance): void {
  const path = `${vm.ownDir}/${NAME}.journal`;
  const [first = "", ...lines] = Deno.readTextFileSync(path).split("\n");
  const { plan, ...header } = JSON.parse(first);
  const { kinds: _k, turn: _t, ifCut: _i, ...old } = plan;
  const steps = old.steps.map(({ ledger: _, ...step }: Plan["steps"][0] & {
    readonly ledger?: unknown;
  }) => step);
  const text = JSON.stringify({
    ...header,
    version: 1,
    plan: { ...old, steps },
  });
  Deno.writeTextFileSync(path, [text, ...lines].join("\n"));
}

/** Kills a request at a step, and recovers it as if 0.1 had been killed. */
async function recoverOld(
  vm: Instance,
  request: KindRequest,
  at: (plan: Plan) => KillPoint,
): Promise<string | undefined> {
  const plan = await planNow(vm, request);
  await vm.peer.idle();
  await killAt(vm, request, at(plan));
  makeOld(vm);
  const recovery = await recover(instancePaths(vm.runDir, NAME), {
    timeoutMs: 2_000,
    unplugTimeoutMs: 200,
    load: loadSteps,
  });
  await vm.peer.idle();
  assertEquals(
    ownFiles(vm).filter((one) => one.endsWith(".journal")),
    [],
  );
  return recovery?.did;
}

function turn(when: KillPoint["when"]): (plan: Plan) => KillPoint {
  return (plan) => ({ step: plan.turn ?? -1, when });
}

Deno.test("recover() takes an addition of version 1 back, or finishes it", async () => {
  for (
    const [when, did] of [
      ["before", "taken back"],
      ["after", "finished"],
    ] as const
  ) {
    await using vm = new Instance();
    const before = vm.state();
    assertEquals(await recoverOld(vm, nicAdd(), turn(when)), did);
    assertEquals(vm.peer.model.devices.has(NEW_NIC), did === "finished");
    assertEquals(vm.text.includes(NEW), did === "finished");
    if (did === "taken back") assertEquals(vm.state(), before);
  }
});

Deno.test("recover() finishes a removal of version 1", async () => {
  await using vm = new Instance();
  await withDisk(vm);
  assertEquals(await recoverOld(vm, diskRemove, turn("before")), "finished");
  assertEquals(vm.peer.model.devices.has(NEW_DISK), false);
  assertEquals(vm.text.includes(NEW), false);
});

Deno.test("recover() leaves a removal of version 1 pending, and on record", async () => {
  await using vm = new Instance();
  await withNic(vm);
  vm.peer.guest = "is silent";
  const did = await recoverOld(vm, nicRemove, turn("before"));
  assertMatch(did ?? "", /^left pending/);
  const { devices } = readOwnRecord(instancePaths(vm.runDir, NAME));
  assertEquals(devices[NEW]?.pending?.id, NEW_NIC);
});

Deno.test("recover() puts a NIC of version 1 back that was to be plugged anew", async () => {
  for (const when of ["before", "after"] as const) {
    await using vm = new Instance();
    await withNic(vm);
    const did = await recoverOld(vm, MODIFY, ({ steps }) => ({
      step: steps.findIndex(isUnplug),
      when,
    }));
    assertEquals(did, "taken back");
    assert(vm.peer.model.devices.has(NEW_NIC));
    // The guest that did not release it in time may still do so.
    const { devices } = readOwnRecord(instancePaths(vm.runDir, NAME));
    assertEquals(devices[NEW]?.replug !== undefined, when === "before");
  }
});
