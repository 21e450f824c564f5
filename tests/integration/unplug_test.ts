/** What is told of the wait for a guest. */
import { assertEquals, assertRejects } from "@std/assert";
import { lineInPlace } from "../../lib/commands/waiting.ts";
import { HotplugError } from "../../lib/errors.ts";
import { unplug } from "../../lib/engine/unplug.ts";
import { World } from "../../lib/engine/world.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { STEPS } from "../support/steps.ts";
import { event } from "../lab/scripted_behaviour.ts";
import { DISK, Instance } from "../lab/scripted_instance.ts";

/** The line that a person sees in the end of a wait of two seconds. */
async function lineOf(signal: AbortSignal | undefined): Promise<string> {
  await using vm = new Instance();
  vm.peer.guest = "is silent";
  let shown = "";
  const line = lineInPlace((text) => shown = text);
  const options = {
    qmpPath: vm.qmpPath,
    timeoutMs: 5_000,
    unplugTimeoutMs: 2_000,
    waiting: line.told,
    steps: STEPS,
  };
  const session = await QmpSession.open(vm.qmpPath, options);
  using world = new World(session, options);
  const target = { id: DISK.id, title: "disk 0", runState: "running", signal };
  await assertRejects(() => unplug(target, world), HotplugError, "within 2 s");
  return shown.replaceAll(/[^ -~]\[?K?/g, "");
}

Deno.test("unplug() offers Ctrl-C only where it is heard", async () => {
  const text = "the guest has not released disk 0: 1 s of 2";
  const { signal } = new AbortController();
  assertEquals(
    await Promise.all([lineOf(signal), lineOf(undefined)]),
    [`${text} (Ctrl-C stops waiting)`, text],
  );
});

/** Waits for the release of a processor, of which no DEVICE_DELETED tells. */
async function processorGoes(
  prepare: (vm: Instance, answers: (qomPath?: string) => void) => void,
): Promise<void> {
  await using vm = new Instance();
  vm.peer.guest = "is silent";
  const path = "/machine/peripheral/vcpu-1";
  const answers = (qomPath?: string) =>
    vm.peer.once("query-hotpluggable-cpus", {
      carryOut: "no",
      value: [{ type: "a-cpu", "qom-path": qomPath }, { type: "a-cpu" }],
    });
  prepare(vm, answers);
  const options = {
    qmpPath: vm.qmpPath,
    timeoutMs: 5_000,
    unplugTimeoutMs: 2_000,
    steps: STEPS,
  };
  const session = await QmpSession.open(vm.qmpPath, options);
  using world = new World(session, options);
  const ending = {
    asks: {
      execute: "query-hotpluggable-cpus",
      has: { "qom-path": path },
    },
    everyMs: 50,
    acpi: { slotType: "CPU" },
    advice: "ask the guest",
  };
  const target = { id: "vcpu-1", title: "vcpu 1", runState: "running", ending };
  await unplug(target, world);
}

const CPU_PATH = "/machine/peripheral/vcpu-1";

Deno.test("unplug() asks what a step says, and no event of an inner part", async () => {
  await processorGoes((vm, answers) => {
    vm.peer.once("device_del", {
      carryOut: "no",
      after: [event("DEVICE_DELETED", { path: `${CPU_PATH}/lapic` })],
    });
    answers(CPU_PATH);
    answers(CPU_PATH);
    answers();
  });
});

Deno.test("unplug() takes a guest's refusal by ACPI, and not its progress", async () => {
  const told = (status: number, device?: string) =>
    event("ACPI_DEVICE_OST", {
      info: { device, slot: "1", "slot-type": "CPU", source: 3, status },
    });
  const error = await assertRejects(
    () =>
      processorGoes((vm) => {
        vm.peer.once("device_del", {
          carryOut: "no",
          after: [
            told(132, "vcpu-1"),
            told(130, "vcpu-2"),
            told(130, "vcpu-1"),
          ],
        });
      }),
    HotplugError,
    "QEMU sent ACPI_DEVICE_OST with status 130",
  );
  assertEquals(error.code, "unplug-rejected");
});

Deno.test("unplug() of a guest that is silent is pending, with its own advice", async () => {
  const error = await assertRejects(
    () =>
      processorGoes((vm, answers) => {
        vm.peer.once("device_del", { carryOut: "no" });
        for (let i = 0; i < 100; i++) answers(CPU_PATH);
      }),
    HotplugError,
    "no answer within 2 s",
  );
  assertEquals([error.code, error.hint], ["unplug-pending", "ask the guest"]);
});
