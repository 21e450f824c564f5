/** Guests that do not, or not yet, release a device. */
import { documentOf, saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { connectedSockets } from "../../lib/host/connected_sockets.ts";
import { rpcAll } from "../lab/rpc_once.ts";
import { snapshot } from "../lab/snapshot.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** Removes NIC 0 from a silent guest; returns once the guest was asked. */
async function waitingRemoval(vm: Vm): Promise<Deno.ChildProcess> {
  const process = spawnTool(vm, [
    ...["nic", "remove", vm.name, "0", "--json", "--verbose"],
    ...["--unplug-timeout", "600"],
  ]);
  // The request is out once QEMU has answered it: stderr shows it.
  // Leaving the loop closes the pipe, which must not disturb the tool either.
  const decoder = new TextDecoder();
  let seen = "";
  for await (const chunk of process.stderr) {
    seen += decoder.decode(chunk);
    if (/device_del.*\n.*"return"/.test(seen)) break;
  }
  return process;
}

eachRelease("a silent guest keeps its disk until it answers", async (vm, t) => {
  const image = `${vm.runDir}/d1.img`;
  const other = `${vm.runDir}/d2.img`;
  await makeImage(image, "silent");
  await makeImage(other, "other");
  const before = await snapshot(vm);
  const add = await tool(vm, "disk", "add", vm.name, image);
  await vm.waitGuest("test -b /dev/vda");
  await vm.guest("hotplug off");
  const plugged = await snapshot(vm);
  const { uuid } = add.json.device;

  await t.step("no answer: status 6, nothing changed", async () => {
    const remove = await tool(
      vm,
      ...["disk", "remove", vm.name, uuid, "--unplug-timeout", "1"],
    );
    assertEquals([remove.status, remove.json.changed], [6, false]);
    assertEquals(remove.json.error.code, "unplug-pending");
    assertEquals(await snapshot(vm), plugged);
  });

  await t.step("list shows it, a second remove waits with it", async () => {
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(
      json.devices.map((one: { status: string }) => one.status),
      ["pending-removal"],
    );
    const metrics = (await tool(vm, "metrics")).json.metrics as string;
    const [, asked = ""] =
      /^kvm_hotplug_pending_removal_timestamp_seconds\{.*\} (.*)$/m
        .exec(metrics) ?? [];
    const ageS = Date.now() / 1000 - Number(asked);
    assertEquals(ageS > 0 && ageS < 600, true, asked);
    const all = await tool(vm, "list");
    const [{ attention }] = all.json.instances;
    assertMatch(saidIn(attention), /has not released disk 0/);
    assertMatch(
      attention[0].hint,
      /^to finish the removal, run: kvm-hotplug disk remove \S+ \S+$/,
    );
    const since = vm.qmp.events.length;
    const again = await tool(
      vm,
      ...["disk", "remove", vm.name, uuid, "--unplug-timeout", "1"],
      ...["--verbose"],
    );
    assertEquals(again.status, 6);
    // The request is on its way for less than 10 s: it is not sent again.
    assertEquals(again.stderr.includes('"device_del"'), false, again.stderr);
    assertEquals(vm.qmp.events.slice(since), []);
  });

  await t.step(
    "list in rpc waits for a request that has the monitor",
    async () => {
      const remove = { instance: vm.name, disk: uuid, unplug_timeout: 0.7 };
      const isHeld = async () => {
        while (!connectedSockets().has(vm.qmpPath)) {
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      };
      const answers = await rpcAll(
        vm,
        [["disk.remove", remove], ["list", {}]],
        isHeld,
      );
      const [removed, listed] = answers.sort((one, other) => one.id - other.id);
      assertEquals(removed?.error.data.error.code, "unplug-pending");
      const [{ monitor, attention }] = listed?.result.instances;
      assertEquals(monitor, "answered", saidIn(attention));
    },
  );

  await t.step("its slot stays taken", async () => {
    const next = await tool(vm, "disk", "add", vm.name, other, "--dry-run");
    assertEquals(next.json.device.slot, 13);
  });

  await t.step(
    "once the guest answers, a later remove finishes it",
    async () => {
      const since = vm.qmp.events.length;
      await vm.guest("hotplug on");
      const { id: device } = add.json.device;
      await vm.qmp.waitEvent("DEVICE_DELETED", { device, since });
      const remove = await tool(vm, "disk", "remove", vm.name, uuid);
      assertEquals([remove.stderr, remove.status], ["", 0]);
      assertEquals(await snapshot(vm), before);
    },
  );
});

eachRelease("a reset completes a removal that was pending", async (vm) => {
  const before = await snapshot(vm);
  const add = await tool(vm, "nic", "add", vm.name);
  await vm.guest("hotplug off");
  const remove = ["nic", "remove", vm.name, add.json.device.uuid];
  const pending = await tool(vm, ...remove, "--unplug-timeout", "1");
  assertEquals(pending.status, 6);
  await vm.qmp.execute("system_reset");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: add.json.device.id });
  const done = await tool(vm, ...remove);
  assertEquals([done.stderr, done.status, done.json.changed], ["", 0, true]);
  assertEquals(await snapshot(vm), before);
});

eachRelease(
  "the next command finishes a removal that completed late",
  async (vm) => {
    const before = await snapshot(vm);
    const add = await tool(vm, "nic", "add", vm.name);
    await vm.guest("hotplug off");
    const { id, uuid, tap } = add.json.device;
    const pending = await tool(
      vm,
      ...["nic", "remove", vm.name, uuid, "--unplug-timeout", "0.5"],
    );
    assertEquals(pending.status, 6);
    await vm.qmp.execute("system_reset");
    await vm.qmp.waitEvent("DEVICE_DELETED", { device: id });
    const next = await tool(vm, "nic", "add", vm.name);
    assertEquals(next.status, 0, next.stdout);
    assertMatch(saidIn(next.json.settled), /has released .*: its removal is/);
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(
      json.devices.map((one: { uuid: string; status: string }) => [
        one.uuid,
        one.status,
      ]),
      [[next.json.device.uuid, "ok"]],
    );
    const now = await snapshot(vm);
    assertEquals(
      now.files,
      [...before.files, now.files.find((one) => one.endsWith("/0")) ?? ""]
        .sort(),
    );
    assertEquals(
      tap === next.json.device.tap || !now.interfaces.includes(tap),
      true,
    );
  },
);

eachRelease(
  "a VM paused while the guest is waited for: pending, and why",
  async (vm) => {
    await tool(vm, "nic", "add", vm.name);
    await vm.guest("hotplug off");
    const process = await waitingRemoval(vm);
    await vm.qmp.execute("stop");
    const document = documentOf(await new Response(process.stdout).text());
    assertEquals((await process.status).code, 6);
    assertEquals(document.error.code, "unplug-pending");
    assertMatch(document.error.message, /stopped \(run state paused\)/);
  },
);

eachRelease("a paused VM: pending at once, with the reason", async (vm) => {
  const add = await tool(vm, "nic", "add", vm.name);
  await vm.qmp.execute("stop");
  const remove = ["nic", "remove", vm.name, "0"];
  const begin = performance.now();
  const pending = await tool(vm, ...remove);
  assertEquals(pending.status, 6);
  assertMatch(pending.json.error.message, /paused/);
  assertEquals(performance.now() - begin < 10_000, true);
  await vm.qmp.execute("cont");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: add.json.device.id });
  assertEquals((await tool(vm, ...remove)).status, 0);
});

eachRelease("SIGINT ends the waiting at once: status 6", async (vm) => {
  await tool(vm, "nic", "add", vm.name);
  await vm.guest("hotplug off");
  const plugged = await snapshot(vm);
  const since = vm.qmp.events.length;
  const process = await waitingRemoval(vm);
  process.kill("SIGINT");
  const { code } = await process.status;
  assertEquals(code, 6);
  const document = documentOf(await new Response(process.stdout).text());
  assertEquals(document.error.code, "unplug-pending");
  assertEquals(await snapshot(vm), plugged);
  assertEquals(vm.qmp.events.slice(since), []);
});

eachRelease("a removal killed while it waits stays pending", async (vm) => {
  const add = await tool(vm, "nic", "add", vm.name);
  await vm.guest("hotplug off");
  const process = await waitingRemoval(vm);
  process.kill("SIGKILL");
  await process.status;
  await process.stdout.cancel();
  const all = await tool(vm, "list");
  assertMatch(
    saidIn(all.json.instances[0].attention),
    /interrupted; .* repair/,
  );
  const next = await tool(vm, "nic", "add", vm.name, "--unplug-timeout", "1");
  assertEquals(next.status, 0, next.stdout);
  assertMatch(saidIn(next.json.settled), /nic remove of NIC 0.* left pending/);
  assertEquals(next.json.device.slot === add.json.device.slot, false);
  const statuses = async () => {
    const { json } = await tool(vm, "list", vm.name);
    return json.devices.map((one: { status: string }) => one.status);
  };
  assertEquals(await statuses(), ["pending-removal", "ok"]);
  const waits = await tool(vm, "repair", vm.name);
  assertEquals([waits.status, waits.json.pending.length], [0, 1]);
  await vm.qmp.execute("system_reset");
  await vm.qmp.waitEvent("DEVICE_DELETED", { device: add.json.device.id });
  const ahead = await tool(vm, "repair", vm.name, "--dry-run");
  const { pending, remaining } = ahead.json;
  assertEquals([ahead.status, pending, remaining.length], [7, [], 1]);
  const repaired = await tool(vm, "repair", vm.name);
  assertEquals([repaired.status, repaired.json.pending], [0, []]);
  assertEquals(repaired.json.repaired.length, 1);
  assertEquals(await statuses(), ["ok"]);
});

eachRelease("two calls at once share no slot and lose no entry", async (vm) => {
  const calls = Array.from(
    { length: 6 },
    () => spawnTool(vm, ["nic", "add", vm.name, "--json"]),
  );
  const results = await Promise.all(calls.map((one) => resultOf(one)));
  assertEquals(results.map((one) => one.status), calls.map(() => 0));
  const slots = results.map((one) => one.json.device.slot);
  assertEquals(new Set(slots).size, calls.length);
  const { json } = await tool(vm, "list", vm.name);
  assertEquals(json.devices.length, calls.length);
  assertEquals(
    json.devices.every((one: { status: string }) => one.status === "ok"),
    true,
  );
});
