/**
 * What an earlier call left is put in order first: the device that is meant is
 * the one that was meant, and what was done is told of, on failures, too.
 */
import type { Remark } from "../../lib/errors.ts";
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { spawnTool, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

interface Told {
  readonly index: number;
  readonly uuid: string;
  readonly id: string;
}

async function addNics(vm: Vm, count: number): Promise<Told[]> {
  const added: Told[] = [];
  for (let i = 0; i < count; i++) {
    const words = ["nic", "add", vm.name, "--name", `nic${i}`];
    added.push((await tool(vm, ...words)).json.device);
  }
  return added;
}

/** Asks a silent guest, and has it release the device afterwards. */
async function removeLate(vm: Vm, { index, id }: Told): Promise<void> {
  await vm.guest("hotplug off");
  const pending = await tool(
    vm,
    ...["nic", "remove", vm.name, `${index}`, "--unplug-timeout", "0.5"],
  );
  const { status, json } = pending;
  assertEquals([status, json.error.code], [6, "unplug-pending"]);
  // An index may be another device's by the time it is used again.
  assertEquals([json.device.id, json.error.device.id], [id, id]);
  assertMatch(
    json.error.hint,
    new RegExp(`run: kvm-hotplug nic remove ${vm.name} ${id}$`),
  );
  await release(vm, id);
}

/** What is asked for is released at a reset. */
async function release(vm: Vm, device: string): Promise<void> {
  await vm.qmp.execute("system_reset");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device });
}

const names = (
  { settled = [] }: { settled?: { code: string; device: Told | null }[] },
) => settled.map(({ code, device }) => [code, device?.id]);

eachRelease(
  "an index means what it meant before a removal was finished",
  async (vm) => {
    const [first, second] = await addNics(vm, 3) as [Told, Told, Told];
    await removeLate(vm, first);
    const { status, json, stderr } = await tool(
      vm,
      ...["nic", "modify", vm.name, "1", "--name", "second"],
    );
    assertEquals([status, json.changed], [0, true]);
    assertEquals([json.device.uuid, json.device.name], [second.uuid, "second"]);
    assertEquals(names(json), [["removal-finished", first.id]]);
    // Once for programs, once for a person.
    assertEquals(json.warnings, []);
    assertMatch(saidIn(json.settled), /released NIC 0 "nic0" \(nic-/);
    assertMatch(stderr, /^warning: .* its removal is finished$/m);
  },
);

eachRelease(
  "an index means what it meant before a killed removal",
  async (vm) => {
    const [first, second, third] = await addNics(vm, 3) as [Told, Told, Told];
    await vm.guest("hotplug off");
    const process = spawnTool(vm, [
      ...["nic", "remove", vm.name, "0", "--json", "--verbose"],
      ...["--unplug-timeout", "600"],
    ]);
    const decoder = new TextDecoder();
    let seen = "";
    for await (const chunk of process.stderr) {
      seen += decoder.decode(chunk);
      if (/device_del.*\n.*"return"/.test(seen)) break;
    }
    process.kill("SIGKILL");
    await process.status;
    await process.stdout.cancel();
    await release(vm, first.id);
    const { status, json } = await tool(
      vm,
      ...["nic", "remove", vm.name, "1", "--unplug-timeout", "0.5"],
    );
    // Not the third, which has got its place by then. Firmware may release it
    // at once, the guest only later.
    assertEquals([0, 6].includes(status), true, JSON.stringify(json));
    assertEquals(json.device.uuid, second.uuid);
    assertEquals(names(json), [["interrupted", first.id]]);
    const list = await tool(vm, "list", vm.name);
    const last = list.json.devices.at(-1);
    assertEquals([last.uuid, last.status], [third.uuid, "ok"]);
  },
);

eachRelease("what is refused tells what was settled first", async (vm) => {
  const [first] = await addNics(vm, 1) as [Told];
  await removeLate(vm, first);
  const { status, json, stderr } = await tool(
    vm,
    ...["disk", "add", vm.name, `${vm.runDir}/none.img`],
  );
  assertEquals([status, json.ok, json.changed], [3, false, false]);
  assertEquals(names(json), [["removal-finished", first.id]]);
  assertMatch(stderr, /warning: .* its removal is finished/);
  const again = await tool(vm, "disk", "add", vm.name, "/none.img");
  assertEquals([again.status, again.json.settled], [3, []]);
});

eachRelease("a paused VM is to be resumed", async (vm) => {
  const [nic] = await addNics(vm, 1) as [Told];
  await vm.qmp.execute("stop");
  const { status, json } = await tool(vm, "nic", "remove", vm.name, "0");
  assertEquals(status, 6);
  const cont = `kvm-hotplug qmp ${vm.name} cont`;
  const removal = `kvm-hotplug nic remove ${vm.name} ${nic.id}`;
  assertEquals(
    json.error.hint,
    `resume the VM (${cont}); to finish the removal, run: ${removal}`,
  );
  for (const words of [["check"], ["nic", "add", "--dry-run"]]) {
    const { json: { warnings } } = await tool(vm, ...words, vm.name);
    const told = warnings.map(({ code, hint }: Remark) => [code, hint]);
    assertEquals(told, [["paused", cont]]);
  }
  await vm.qmp.execute("cont");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: nic.id });
  const list = await tool(vm, "list", vm.name);
  const [late] = list.json.devices.at(-1).differences;
  assertMatch(late.message, /^the guest has released NIC 0 "nic0" \(nic-/);
  assertMatch(late.hint, /^to finish the removal, run: kvm-hotplug repair /);
  const { json: repaired } = await tool(vm, "repair", vm.name);
  assertEquals(repaired.repaired, [{
    what: late.message,
    did: "its removal is finished",
  }]);
});

eachRelease(
  "a removal leads nobody to another device",
  async (vm) => {
    const image = `${vm.runDir}/d.img`;
    await makeImage(image, "x");
    await tool(
      vm,
      ...["disk", "add", vm.name, image, "--name", "data"],
    );
    const before = await snapshot(vm);
    for (const word of ["date", "Data"]) {
      const { status, json, stderr } = await tool(
        vm,
        ...["disk", "remove", vm.name, word],
      );
      assertEquals([status, json.error?.code], [3, "no-such-device"], word);
      assertEquals(/did you mean/i.test(json.error.hint + stderr), false);
    }
    assertEquals(await snapshot(vm), before);
  },
  { guest: "none" },
);
