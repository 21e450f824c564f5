/** Refusals that only a real QEMU can show. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import { TestQmp } from "../lab/vm.ts";

eachRelease("the monitor: held, stopped, gone", async (vm, t) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "x");
  const add = ["disk", "add", vm.name, image, "--timeout", "1"];

  await t.step("held by another client: monitor-busy names it", async () => {
    using _holder = await TestQmp.connect(vm.qmpPath);
    const busy = await tool(vm, ...add);
    assertEquals([busy.status, busy.json.error.code], [4, "monitor-busy"]);
    assertMatch(busy.json.error.message, new RegExp(`pid ${Deno.pid}`));
  });

  await t.step("QEMU stopped: monitor-timeout", async () => {
    Deno.kill(vm.pid, "SIGSTOP");
    try {
      const stopped = await tool(vm, ...add);
      const listed = await tool(vm, "list", vm.name, "--timeout", "1");
      for (const { status, json } of [stopped, listed]) {
        assertEquals([status, json.error.code], [4, "monitor-timeout"]);
        assertEquals(json.error.hint, `kill -CONT ${vm.pid}`);
      }
    } finally {
      Deno.kill(vm.pid, "SIGCONT");
    }
  });

  await t.step("QEMU gone: not-running, list goes on", async () => {
    assertEquals((await tool(vm, ...add)).status, 0);
    await vm.kill();
    const gone = await tool(vm, ...add);
    assertEquals([gone.status, gone.json.error.code], [4, "not-running"]);
    const list = await tool(vm, "list", vm.name);
    assertEquals([list.status, list.json.qemu], [0, null]);
    assertEquals(list.json.devices[0].status, "not-in-qemu");
    const { json } = await tool(vm, "list");
    assertEquals([json.instances[0].running, json.instances[0].disks], [
      false,
      1,
    ]);
  });
});

eachRelease("a VM that migrates is left alone", async (vm) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "x");
  assertEquals((await tool(vm, "disk", "add", vm.name, image)).status, 0);
  const second = `${vm.runDir}/d2.img`;
  await makeImage(second, "y");
  // So slow that it cannot end by itself.
  await vm.qmp.execute("migrate-set-parameters", { "max-bandwidth": 65_536 });
  await vm.qmp.execute("migrate", { uri: "exec:cat > /dev/null" });
  const now = await snapshot(vm);
  for (
    const args of [
      ["disk", "add", vm.name, second],
      ["disk", "remove", vm.name, "0"],
      ["nic", "add", vm.name],
    ]
  ) {
    const refused = await tool(vm, ...args);
    assertEquals([refused.status, refused.json.error.code], [3, "migrating"]);
  }
  assertEquals(await snapshot(vm), now);
  await vm.qmp.execute("migrate_cancel");
});

eachRelease(
  "a q35 without ports has no slot for anything",
  async (vm) => {
    const before = await snapshot(vm);
    const refused = await tool(vm, "nic", "add", vm.name);
    assertEquals([refused.status, refused.json.error.code], [
      3,
      "no-free-slot",
    ]);
    assertEquals(await snapshot(vm), before);
  },
  { machine: "q35", guest: "none" },
);
