/**
 * What an earlier call left is put in order first: the device that is meant is
 * the one that was meant, and what was done is told of, on failures, too.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

interface Told {
  readonly index: number;
  readonly uuid: string;
  readonly id: string;
}

async function addNics(vm: Vm, count: number): Promise<Told[]> {
  const added: Told[] = [];
  for (let i = 0; i < count; i++) {
    added.push((await tool(vm, "nic", "add", vm.name)).json.device);
  }
  return added;
}

/** A guest that was reset answers again once it is up. */
async function silence(vm: Vm): Promise<void> {
  await vm.waitGuest("hotplug off", { timeoutMs: 60_000 });
}

/** Asks a silent guest, and has it release the device afterwards. */
async function removeLate(vm: Vm, { index, id }: Told): Promise<void> {
  await silence(vm);
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
  await vm.qmp.execute("system_reset");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: id });
}

const names = (
  { settled = [] }: { settled?: { code: string; device: Told | null }[] },
) => settled.map(({ code, device }) => [code, device?.id]);

eachRelease("an index means what it meant when it was given", async (vm, t) => {
  const [a, b, c, d] = await addNics(vm, 4) as [Told, Told, Told, Told];

  await t.step("a removal that the guest completed since", async () => {
    await removeLate(vm, a);
    const { status, json } = await tool(
      vm,
      ...["nic", "modify", vm.name, "1", "--name", "second"],
    );
    assertEquals([status, json.changed], [0, true]);
    assertEquals([json.device.uuid, json.device.name], [b.uuid, "second"]);
    assertEquals(names(json), [["removal-finished", a.id]]);
    assertMatch(json.warnings.join(), /its removal is finished/);
  });

  await t.step(
    "a removal that was killed after the guest's answer",
    async () => {
      // Now b is 0, c is 1, d is 2.
      await silence(vm);
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
      await resultOf(process).catch(() => {});
      await vm.qmp.execute("system_reset");
      await vm.qmp.waitEvent("DEVICE_DELETED", { device: b.id });
      const { status, json } = await tool(
        vm,
        ...["nic", "remove", vm.name, "1", "--unplug-timeout", "0.5"],
      );
      // c, not d, which has got its place by then. Firmware may release it at
      // once, the guest only later.
      assertEquals([0, 6].includes(status), true, JSON.stringify(json));
      assertEquals(json.device.uuid, c.uuid);
      assertEquals(names(json), [["interrupted", b.id]]);
      const list = await tool(vm, "list", vm.name);
      const last = list.json.devices.at(-1);
      assertEquals([last.uuid, last.status], [d.uuid, "ok"]);
      if (status === 6) {
        await vm.qmp.execute("system_reset");
        await vm.qmp.waitEvent("DEVICE_DELETED", { device: c.id });
        await tool(vm, "repair", vm.name);
      }
    },
  );

  await t.step("what is refused tells what was settled first", async () => {
    await removeLate(vm, { ...d, index: 0 });
    const { status, json, stderr } = await tool(
      vm,
      ...["disk", "add", vm.name, `${vm.runDir}/none.img`],
    );
    assertEquals([status, json.ok, json.changed], [3, false, false]);
    assertEquals(names(json), [["removal-finished", d.id]]);
    assertMatch(stderr, /warning: .* its removal is finished/);
    const again = await tool(vm, "disk", "add", vm.name, "/none.img");
    assertEquals([again.status, again.json.settled], [3, undefined]);
  });
});

eachRelease("a paused VM is to be resumed", async (vm) => {
  const [nic] = await addNics(vm, 1) as [Told];
  await vm.qmp.execute("stop");
  const { status, json } = await tool(vm, "nic", "remove", vm.name, "0");
  assertEquals(status, 6);
  assertMatch(
    json.error.hint,
    new RegExp(`^resume the VM; .* nic remove ${vm.name} ${nic.id}$`),
  );
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
