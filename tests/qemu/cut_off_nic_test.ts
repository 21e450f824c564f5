/**
 * NICs that somebody cut off on this node: QEMU hears nothing of it, and nobody
 * calls them ok.
 */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** Bridges of the test's own, gone with it. */
async function withBridges(
  vm: Vm,
  body: (names: readonly [string, string]) => Promise<void>,
): Promise<void> {
  const names = ["a", "b"].map((one) => `kh${one}${vm.pid % 1_000_000}`);
  try {
    for (const one of names) await makeBridge(one);
    await body(names as [string, string]);
  } finally {
    for (const one of names) await host("ip", "link", "del", one);
  }
}

async function makeBridge(name: string): Promise<void> {
  await host("ip", "link", "add", name, "type", "bridge");
  await host("ip", "link", "set", name, "up");
}

async function statusOf(vm: Vm): Promise<string> {
  return (await tool(vm, "list", vm.name)).json.devices[0].status;
}

/** All look at it alike; nothing is joined by itself. */
async function expectCut(vm: Vm, what: RegExp): Promise<string> {
  assertEquals(await statusOf(vm), "differs");
  const verify = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(verify.status, 3);
  const [one, ...more] = verify.json.verify.differences;
  assertEquals(more, []);
  assertMatch(one.message, what);
  const repair = await tool(vm, "repair", vm.name);
  assertEquals([repair.status, repair.json.repaired], [7, []]);
  assertEquals(
    repair.json.remaining.map((left: { hint: string }) => left.hint),
    [
      one.hint,
    ],
  );
  assertEquals(await statusOf(vm), "differs");
  return one.hint;
}

/** Runs what a hint says, by the executable under test. */
async function follow(vm: Vm, hint: string) {
  const [, words = ""] = /run: kvm-hotplug (.*)$/.exec(hint) ?? [];
  const done = await tool(vm, ...words.split(" "));
  assertEquals([done.status, done.json.changed], [0, true], done.stdout);
  assertEquals(await statusOf(vm), "ok");
}

eachRelease("a NIC that is cut off from its bridge differs", async (vm, t) => {
  await withBridges(vm, async ([bridge, other]) => {
    const add = await tool(vm, "nic", "add", vm.name, "--link", bridge);
    const { id } = add.json.device;
    let { tap } = add.json.device;
    assertEquals(await statusOf(vm), "ok");

    await t.step("taken off: only who asks joins it again", async () => {
      await host("ip", "link", "set", tap, "nomaster");
      const hint = await expectCut(vm, /is on no bridge, not on kha/);
      assertStringIncludes(hint, `nic modify ${vm.name} ${id} --mode bridged`);
      const carrier = ["nic", "modify", vm.name, "0", "--link-state"];
      assertEquals((await tool(vm, ...carrier, "down")).status, 0);
      assertEquals((await tool(vm, ...carrier, "up")).status, 0);
      assertEquals(await statusOf(vm), "differs");
      // With the value it has.
      const words = ["nic", "modify", vm.name, "0", "--link", bridge];
      const joined = await tool(vm, ...words);
      assertEquals([joined.status, joined.json.changed], [0, true]);
      assertEquals(await statusOf(vm), "ok");
      const again = await tool(vm, ...words);
      assertEquals([again.status, again.json.changed], [0, false]);
    });

    await t.step("its bridge was deleted and made anew", async () => {
      await host("ip", "link", "del", bridge);
      await makeBridge(bridge);
      await follow(vm, await expectCut(vm, /is on no bridge/));
    });

    await t.step("in another bridge", async () => {
      await host("ip", "link", "set", tap, "master", other);
      const what = new RegExp(`is on ${other}, not on ${bridge}`);
      await follow(vm, await expectCut(vm, what));
    });

    await t.step("set down", async () => {
      await host("ip", "link", "set", tap, "down");
      await follow(vm, await expectCut(vm, /tap \S+ is down$/));
    });

    await t.step("the file names another MAC than QEMU has", async () => {
      const { mac } = add.json.device;
      const other = "aa:00:00:99:99:99";
      const text = await Deno.readTextFile(vm.runtimePath);
      await Deno.writeTextFile(vm.runtimePath, text.replaceAll(mac, other));
      const taken = await tool(vm, "nic", "add", vm.name, "--mac", mac);
      assertEquals([taken.status, taken.json.error?.code], [3, "duplicate"]);
      const twin = await tool(vm, "nic", "add", vm.name, "--mac", other);
      assertEquals([twin.status, twin.json.error?.code], [3, "duplicate"]);
      const modify = ["nic", "modify", vm.name, id];
      // What is not asked is not put right by the way.
      const down = await tool(vm, ...modify, "--link-state", "up");
      assertEquals([down.status, await statusOf(vm)], [0, "differs"]);
      const anew = await tool(vm, ...modify, "--mac", other);
      assertEquals([anew.status, anew.json.changed], [0, true], anew.stdout);
      tap = anew.json.device.tap;
      assertEquals(await statusOf(vm), "ok");
      await vm.waitGuest(`grep ${other} /sys/class/net/*/address`);
    });

    await t.step("its tap deleted", async () => {
      await host("ip", "link", "del", tap);
      const hint = await expectCut(
        vm,
        new RegExp(`its tap ${tap} was deleted`),
      );
      const remove = await tool(vm, "nic", "remove", vm.name, id);
      if (hint.includes("QEMU would crash")) {
        // 10.0 does: the VM must not end by our doing.
        assertEquals([remove.status, remove.json.error.code], [3, "refused"]);
        assertEquals((await vm.guest("true")).status, 0);
        return;
      }
      assertStringIncludes(hint, `nic remove ${vm.name} ${id}`);
      assertEquals([remove.stderr, remove.status], ["", 0]);
    });
  });
});

eachRelease("a NIC without its route differs", async (vm) => {
  const words = ["--mode", "routed", "--ip", "192.0.2.7"];
  const add = await tool(vm, "nic", "add", vm.name, ...words);
  assertEquals(add.status, 0, add.stdout);
  assertEquals(await statusOf(vm), "ok");
  await host("ip", "route", "del", "192.0.2.7");
  const what = /has no route for 192\.0\.2\.7 \(table main\)/;
  await follow(vm, await expectCut(vm, what));
  assertMatch(await host("ip", "route"), /192\.0\.2\.7 dev/);
}, { guest: "none" });

eachRelease("a bridge that does not work yet is told of", async (vm) => {
  await withBridges(vm, async ([bridge]) => {
    const add = ["nic", "add", vm.name, "--link", bridge];
    const mac = await Deno.readTextFile(`/sys/class/net/${bridge}/address`);
    const same = await tool(vm, ...add, "--mac", mac.trim());
    assertEquals([same.status, same.json.error.code], [3, "duplicate"]);
    for (const name of ["all", "default"]) {
      const { status, json } = await tool(vm, ...add, "--tap", name);
      assertEquals([status, json.error.code], [2, "usage"]);
    }
    const warnings = async () => {
      const { status, json } = await tool(vm, ...add, "--dry-run");
      assertEquals(status, 0);
      return saidIn(json.warnings);
    };
    assertEquals(await warnings(), "");
    await host("ip", "link", "set", bridge, "down");
    assertMatch(await warnings(), new RegExp(`bridge ${bridge} is down`));
    await host("ip", "link", "set", bridge, "up", "type", "bridge");
    await Deno.writeTextFile(`/sys/class/net/${bridge}/bridge/stp_state`, "1");
    assertMatch(await warnings(), /spanning tree .* for the first 30 s/);
  });
}, { guest: "none" });
