/** What is undone although something else could not be. */
import { assertEquals, assertMatch } from "@std/assert";
import { rollBack } from "../../lib/engine/apply.ts";
import type { QmpStep } from "../../lib/engine/qmp_steps.ts";
import { World } from "../../lib/engine/world.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { STEPS } from "../support/steps.ts";
import { Instance } from "../lab/scripted_instance.ts";

function added(
  execute: string,
  args: Readonly<Record<string, string>>,
  undo: string,
): QmpStep {
  const back = { execute: undo, arguments: args };
  return { kind: "qmp", execute, arguments: args, undo: back };
}

const NODE = added("blockdev-add", { "node-name": "disk-1" }, "blockdev-del");

/** Undoes a block node and a device that the guest does not release. */
async function undoWith(id: string) {
  await using vm = new Instance({ disks: [] });
  vm.peer.guest = "is silent";
  const { model } = vm.peer;
  model.nodes.set("disk-1", 0);
  model.devices.set(id, { id, driver: "x", slot: 20 });
  const options = { timeoutMs: 2_000, unplugTimeoutMs: 50, steps: STEPS };
  const qmp = await QmpSession.open(vm.qmpPath, options);
  using world = new World(qmp, { ...options, qmpPath: vm.qmpPath });
  const steps = [
    NODE,
    added("device_add", { driver: "virtio-scsi-pci", id }, "device_del"),
  ];
  const left = await rollBack(steps, world);
  return { left, nodes: [...model.nodes.keys()] };
}

Deno.test("rollBack() keeps what a device uses that stays", async () => {
  const { left, nodes } = await undoWith("disk-1");
  assertEquals([left.length, nodes], [2, ["disk-1"]]);
  assertMatch(left[1] ?? "", /not undone, because QEMU may use it/);
});

Deno.test("rollBack() keeps nothing for a SCSI controller that stays", async () => {
  const { left, nodes } = await undoWith("scsi");
  assertEquals([left.length, nodes], [1, []]);
  assertMatch(left[0] ?? "", /scsi/);
});
