/** What repair finds where no journal tells of it, on real QEMU. */

import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "c0000001-1111-4111-8111-000000000001";

async function statuses(vm: Vm): Promise<string[]> {
  const { json } = await tool(vm, "list", vm.name);
  return json.devices.map((one: { status: string }) => one.status);
}

eachRelease(
  "repair writes the NIC files that QEMU's taps ask for",
  async (vm) => {
    await tool(vm, "nic", "add", vm.name);
    await tool(vm, "nic", "add", vm.name);
    const before = await snapshot(vm);
    const file = (seq: number) => `${vm.layout.nic}/${seq}`;
    const taps = [0, 1].map((seq) => Deno.readTextFileSync(file(seq)));
    Deno.removeSync(file(0));
    Deno.writeTextFileSync(file(1), "nosuchtap");
    Deno.writeTextFileSync(file(7), "nosuchtap");
    const dry = await tool(vm, "repair", vm.name, "--dry-run");
    assertEquals([dry.status, dry.json.remaining.length], [7, 3], dry.stdout);
    const { status, stdout } = await tool(vm, "repair", vm.name);
    assertEquals(status, 0, stdout);
    assertEquals([0, 1].map((seq) => Deno.readTextFileSync(file(seq))), taps);
    assertEquals(await snapshot(vm), before);
    // An interface that is there may be somebody's: a person decides.
    Deno.writeTextFileSync(file(8), "lo");
    const left = await tool(vm, "repair", vm.name);
    const message = `NIC file ${
      file(8)
    } belongs to no recorded NIC, and names interface lo, which QEMU does not have open`;
    assertEquals([left.status, left.json.remaining], [7, [{
      what: message,
      code: "stray-nic-file",
      message,
      hint: `rm ${file(8)}`,
      device: null,
    }]]);
  },
);

eachRelease(
  "a disk on its way out is not added as if it stayed",
  async (vm) => {
    const image = `${vm.runDir}/new.img`;
    await makeImage(image, "new disk");
    const add = ["disk", "add", vm.name, image];
    await tool(vm, ...add, "--uuid", UUID);
    await vm.guest("hotplug off");
    const remove = ["disk", "remove", vm.name, UUID, "--unplug-timeout", "0.5"];
    assertEquals((await tool(vm, ...remove)).status, 6);
    for (const more of [["--uuid", UUID], []]) {
      const { status, json } = await tool(vm, ...add, ...more);
      assertEquals([status, json.error.code], [3, "refused"]);
      assertMatch(json.error.message, /being removed/);
    }
    assertEquals(await statuses(vm), ["pending-removal"]);
    await vm.qmp.execute("system_reset");
    await vm.qmp.waitEvent("DEVICE_DELETED", {
      device: "disk-c0000001-1111-4111",
    });
    const again = await tool(vm, ...add, "--uuid", UUID);
    assertEquals([again.status, again.json.changed], [0, true], again.stdout);
    assertEquals(await statuses(vm), ["ok"]);
  },
);

eachRelease("repair waits for what a lost journal told of", async (vm) => {
  const before = await snapshot(vm);
  await tool(vm, "nic", "add", vm.name, "--uuid", UUID);
  await vm.guest("hotplug off");
  const killed = spawnTool(vm, ["nic", "remove", vm.name, UUID]);
  const own = `${vm.runDir}/kvm-hotplug/${vm.name}`;
  const asked = () => {
    const text = Deno.readTextFileSync(`${own}.journal`);
    return text.includes('{"do":1') || undefined;
  };
  await until(() => Promise.try(asked).catch(() => undefined), {
    what: "device_del",
  });
  killed.kill("SIGKILL");
  await killed.output();
  Deno.removeSync(`${own}.journal`);
  // QEMU has the request, whether or not the tool saw its reply.
  await vm.qmp.execute("device_del", { id: "nic-c0000001-1111-4111" })
    .catch(() => {});
  const mender = spawnTool(vm, ["repair", vm.name, "--json"]);
  const holder = () => Deno.readTextFileSync(`${own}.lock`);
  await until(() => Promise.resolve(/repair/.test(holder()) || undefined), {
    what: "the lock of repair",
  });
  await vm.qmp.execute("system_reset");
  const { status, json, stdout } = await resultOf(mender);
  assertEquals([status, json.remaining], [0, []], stdout);
  assertMatch(JSON.stringify(json.repaired), /QEMU has no such device/);
  assertEquals(await snapshot(vm), before);
});
