/**
 * Where a NIC that is plugged anew sits, and a guest that releases it when
 * nobody waits any more.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { beside, HOLD_TAP } from "../lab/beside.ts";
import { eachRelease, host } from "../lab/each_release.ts";
import { refusing } from "./nic_failures.ts";
import { GANETI_PORTS } from "../lab/pcie.ts";
import { interfaces } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const MAC = "aa:00:00:00:00:01";
const OTHER_MAC = "aa:00:00:00:00:02";
const HERE = "198.51.100.1";

async function withBridge(
  vm: Vm,
  body: (bridge: string) => Promise<void>,
): Promise<void> {
  const bridge = `khr${vm.pid % 100_000}`;
  await host("ip", "link", "add", bridge, "type", "bridge");
  try {
    await host("ip", "link", "set", bridge, "up");
    await host("ip", "addr", "add", `${HERE}/26`, "dev", bridge);
    await body(bridge);
  } finally {
    await host("ip", "link", "del", bridge);
  }
}

async function nic(vm: Vm, verb: string, ...words: readonly string[]) {
  return await tool(vm, "nic", verb, vm.name, ...words);
}

/** The guest uses the NIC with this MAC. @returns where it has it */
async function use(vm: Vm, mac: string): Promise<string> {
  await vm.waitGuest(
    `grep -qi ${mac} /sys/class/net/eth0/address && ip link set eth0 up && ` +
      "ip addr replace 198.51.100.2/26 dev eth0",
  );
  await vm.waitGuest(`ping -c 1 -W 1 ${HERE}`);
  const device = "$(readlink -f /sys/class/net/eth0/device)/..";
  const shown = await vm.guest(
    `readlink -f ${device}; cat ${device}/acpi_index`,
  );
  return shown.output;
}

async function entryOf(vm: Vm) {
  return JSON.parse(await Deno.readTextFile(vm.runtimePath))[1][0];
}

eachRelease("a replug in a port of Ganeti's q35", async (vm, t) => {
  await withBridge(vm, async (bridge) => {
    const added = await nic(vm, "add", "--link", bridge, "--mac", MAC);
    assertEquals([added.status, added.json.device.bus], [0, "rp3"]);
    const place = await use(vm, MAC);
    assertMatch(place, /\/0000:00:03\.0\/0000:01:00\.0\n1\n$/);
    const { hvinfo } = await entryOf(vm);
    assertEquals([hvinfo.bus, hvinfo["acpi-index"]], ["rp3", 1]);

    await t.step("refused: the old one is there again", async () => {
      const words = ["0", "--mac", OTHER_MAC];
      const ran = await refusing(
        vm,
        "device_add",
        () => nic(vm, "modify", ...words),
      );
      assertEquals([ran.status, ran.json.changed], [5, false]);
      assertEquals(await use(vm, MAC), place);
    });

    await t.step("in the same port, with the same index", async () => {
      const ran = await nic(vm, "modify", "0", "--mac", OTHER_MAC);
      assertEquals(ran.status, 0);
      assertMatch(ran.stderr, /^warning: a new card replaces NIC 0 .*\n$/);
      assertEquals(await use(vm, OTHER_MAC), place);
      const entry = await entryOf(vm);
      assertEquals([entry.mac, entry.hvinfo], [OTHER_MAC, hvinfo]);
    });

    await t.step("another process has a queue of its tap", async () => {
      const several = await nic(vm, "modify", "0", "--queues", "2");
      assertEquals(several.status, 0);
      const { tap } = several.json.device;
      await beside(HOLD_TAP, tap, async (pid) => {
        const said = new RegExp(`^Tap ${tap} stays .* process ${pid} `);
        const ran = await nic(vm, "modify", "0", "--mac", MAC);
        assertEquals(ran.status, 0);
        assertMatch(ran.json.warnings.at(-1).message, said);
        assertEquals(await use(vm, MAC), place);
        const { json, status } = await tool(vm, "repair", vm.name);
        assertEquals([status, json.remaining.length], [7, 1]);
        assertMatch(json.remaining[0].what, said);
      });
      const list = await tool(vm, "list", vm.name);
      assertEquals(list.json.differences, []);
      const after = await tool(vm, "repair", vm.name);
      assertEquals([after.status, after.json.repaired], [0, []]);
    });

    await t.step("the same when it is removed", async () => {
      const [{ tap }] = (await tool(vm, "list", vm.name)).json.devices;
      await beside(HOLD_TAP, tap, async (pid) => {
        const ran = await nic(vm, "remove", "0");
        assertEquals(ran.status, 0);
        assertMatch(
          ran.json.warnings[0].message,
          new RegExp(` process ${pid} `),
        );
        const { json } = await tool(vm, "list", vm.name);
        const codes = json.differences.map((one: { code: string }) => one.code);
        assertEquals([json.devices, codes], [[], ["held-tap"]]);
      });
      assertEquals((await tool(vm, "repair", vm.name)).status, 0);
    });
  });
}, GANETI_PORTS);

eachRelease("a NIC that its guest releases too late", async (vm, t) => {
  await withBridge(vm, async (bridge) => {
    const added = await nic(vm, "add", "--link", bridge, "--mac", MAC);
    assertEquals(added.status, 0);
    await use(vm, MAC);
    const change = ["0", "--mac", OTHER_MAC];
    const before = interfaces();

    const lose = async () => {
      await vm.guest("hotplug off");
      const words = [...change, "--unplug-timeout", "1"];
      const ran = await nic(vm, "modify", ...words);
      assertEquals([ran.status, ran.json.error.code], [6, "unplug-pending"]);
      assertEquals(interfaces(), before);
      await vm.waitGuest(`ping -c 1 -W 1 ${HERE}`);
      const { json } = await tool(vm, "list", vm.name);
      assertEquals(json.devices[0].status, "differs");
      await vm.guest("hotplug on");
      await released();
    };
    const released = async () =>
      await until(async () => {
        const { json } = await tool(vm, "list", vm.name);
        return json.devices[0].status === "not-in-qemu" || undefined;
      }, { what: "release of the NIC" });

    await t.step("all who look tell of it, repair plugs it back", async () => {
      await vm.qmp.execute("stop");
      const ran = await nic(vm, "modify", ...change);
      assertEquals([ran.status, ran.json.error.code], [6, "unplug-pending"]);
      const list = await tool(vm, "list", vm.name);
      const [{ status, differences: [told, ...others] }] = list.json.devices;
      assertEquals([status, others], ["differs", []]);
      assertEquals(told.code, "release-asked");
      assertMatch(told.hint, /qmp \S+ cont\); then repeat the nic modify/);
      const check = await tool(vm, "check", vm.name);
      assertEquals(check.json.differences, [told]);
      const verify = await tool(vm, "state", "show", vm.name, "--verify");
      assertEquals([verify.status, verify.json.verify.differences], [
        3,
        [told],
      ]);
      for (const how of [["list"], ["list", "--whole"]]) {
        const all = await tool(vm, ...how);
        const [, ...more] = all.json.instances[0].attention;
        assertEquals(more, [told]);
      }
      const repair = await tool(vm, "repair", vm.name);
      assertEquals([repair.status, repair.json.remaining.length], [7, 1]);
      await vm.qmp.execute("cont");
      await released();
      const after = await tool(vm, "repair", vm.name);
      assertEquals([after.status, after.json.remaining], [0, []]);
      await use(vm, MAC);
      assertEquals(interfaces(), before);
    });

    await t.step("repair plugs the old one back", async () => {
      await lose();
      const repair = await tool(vm, "repair", vm.name);
      assertEquals([repair.status, repair.json.repaired.length], [0, 1]);
      assertMatch(repair.json.repaired[0].did, /^plugged it in again/);
      await use(vm, MAC);
      assertEquals(interfaces(), before);
      const again = await tool(vm, "repair", vm.name);
      assertEquals(again.json.repaired, []);
    });

    await t.step("the same command plugs the new one", async () => {
      await lose();
      const ran = await nic(vm, "modify", ...change);
      assertEquals([ran.status, ran.json.device.mac], [0, OTHER_MAC]);
      await use(vm, OTHER_MAC);
      assertEquals((await tool(vm, "repair", vm.name)).json.repaired, []);
    });
  });
});
