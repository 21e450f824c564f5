/** A NIC that was to be plugged anew, and the call killed meanwhile. */
import { assert, assertEquals } from "@std/assert";
import { JOURNAL_VERSION } from "../../lib/engine/journal.ts";
import { noteTakenBack } from "../../lib/engine/pending.ts";
import { recover } from "../../lib/engine/recover.ts";
import type { Value } from "../../lib/engine/verbs.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { readOwnRecord } from "../../lib/state/own_record.ts";
import { STEPS } from "../support/steps.ts";
import { ownFiles, withNic } from "./kill_requests.ts";
import { killAt, planNow } from "./killed.ts";
import { Instance, NAME, NEW, NEW_NIC } from "../lab/scripted_instance.ts";

const MODIFY: KindRequest = {
  kind: "nic-modify",
  instance: NAME,
  device: NEW,
  changes: { mac: "aa:00:00:00:00:77" },
};

/** Killed at the step in which the guest is asked, and put in order. */
async function takenBack(
  vm: Instance,
  when: "before" | "after",
): Promise<void> {
  await withNic(vm);
  const { steps } = await planNow(vm, MODIFY);
  await vm.peer.idle();
  const asked = steps.findIndex(({ kind }) => kind === "unplug");
  assert(asked > 0);
  await killAt(vm, MODIFY, { step: asked, when });
  const paths = instancePaths(vm.runDir, NAME);
  const times = { timeoutMs: 2_000, unplugTimeoutMs: 200, load: loadSteps };
  const recovery = await recover(paths, times);
  await vm.peer.idle();
  assertEquals(recovery?.did, "taken back");
  assert(vm.peer.model.devices.has(NEW_NIC));
}

Deno.test("recover() notes nothing of a NIC that it plugged back", async () => {
  await using vm = new Instance();
  await takenBack(vm, "after");
  assertEquals(ownFiles(vm), []);
});

Deno.test("noteTakenBack() notes nothing once a later step had begun", async () => {
  await using vm = new Instance();
  await withNic(vm);
  const plan = await planNow(vm, MODIFY);
  await vm.peer.idle();
  const paths = instancePaths(vm.runDir, NAME);
  const asked = plan.steps.findIndex(({ kind }) => kind === "unplug");
  const journal = {
    ...{
      version: JOURNAL_VERSION,
      boot: "",
      qemu: null,
      at: "2026-01-02T03:04:05.678Z",
    },
    ...{ command: "nic modify", request: "", plan },
    ...{ undoing: false, values: new Map(), table: STEPS },
  };
  const values = new Map<Value, string>();
  for (const begun of [asked - 1, asked + 1]) {
    noteTakenBack({ ...journal, begun }, { paths, values });
    assertEquals(ownFiles(vm), []);
  }
  noteTakenBack({ ...journal, begun: asked }, { paths, values });
  assert(readOwnRecord(paths).devices[NEW]?.replug !== undefined);
});

Deno.test("recover() notes a NIC that its guest may still release", async () => {
  await using vm = new Instance();
  await takenBack(vm, "before");
  const { devices } = readOwnRecord(instancePaths(vm.runDir, NAME));
  // Nobody knows whether the request had reached QEMU.
  assert(typeof devices[NEW]?.replug === "object");
});
