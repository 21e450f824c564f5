/** NICs on a real Open vSwitch, whose other ports the guest talks to. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease } from "../lab/each_release.ts";
import { killed, refusing } from "./nic_failures.ts";
import { OpenVswitch } from "../lab/open_vswitch.ts";
import { interfaces, snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const OTHER_MAC = "aa:00:00:00:00:02";
/** On switch `sw0` in VLAN 5; on switch `sw1` without any. */
const ONE = "198.51.100.1";
const TWO = "198.51.100.65";

const ADD = ["--mode", "openvswitch", "--link", "sw0", "--vlan", ".5"];

async function configure(vm: Vm, mac = MAC): Promise<void> {
  await vm.waitGuest(
    `grep -qi ${mac} /sys/class/net/eth0/address && ip link set eth0 up && ` +
      "ip addr replace 198.51.100.2/26 dev eth0 && " +
      "ip addr replace 198.51.100.66/26 dev eth0",
  );
}

async function answers(vm: Vm, address: string): Promise<void> {
  await vm.waitGuest(`ping -c 1 -W 1 ${address}`);
}

async function isSilent(vm: Vm, address: string): Promise<void> {
  const { status } = await vm.guest(`ping -c 1 -W 1 ${address}`);
  assertEquals(status, 1, `${address} answers`);
}

async function done(vm: Vm, ...words: readonly string[]) {
  const [verb = "", ...more] = words;
  const ran = await tool(vm, "nic", verb, vm.name, ...more);
  const isNewCard = verb === "modify" && more.includes("--mac");
  const told = isNewCard ? /^warning: a new card replaces NIC 0 .*\n$/ : /^$/;
  assertEquals(
    [ran.status, told.test(ran.stderr)],
    [0, true],
    ran.stdout + ran.stderr,
  );
  return ran.json.device;
}

/** What QEMU's end is tried in: each release has one. */
const VERBS = ["add", "modify"];

/** Two switches, the guest on none of them. */
async function withSwitches(
  vm: Vm,
  body: (ovs: OpenVswitch) => Promise<void>,
): Promise<void> {
  await using ovs = await OpenVswitch.start(`${vm.runDir}/ovs`);
  const own = { name: "own0", address: `${ONE}/26`, tag: 5 };
  await ovs.addSwitch("sw0", own);
  await ovs.addSwitch("sw1", { name: "own1", address: `${TWO}/26` });
  await body(ovs);
}

eachRelease("a NIC on an Open vSwitch, and on another one", async (vm, t) => {
  await withSwitches(vm, async (ovs) => {
    const before = await snapshot(vm);
    const words = [...ADD, "--uuid", UUID, "--mac", MAC];
    const { tap } = await done(vm, "add", ...words);

    await t.step("in its VLAN it reaches the other port", async () => {
      assertEquals(await ovs.ports("sw0"), ["own0", tap]);
      assertEquals(await ovs.column(tap, "tag"), "5");
      await configure(vm);
      await answers(vm, ONE);
      await isSilent(vm, TWO);
    });

    await t.step("another VLAN in place: nobody is there", async () => {
      await done(vm, "modify", "0", "--vlan", ".6:7:8");
      assertEquals(await ovs.column(tap, "tag"), "6");
      assertEquals(await ovs.column(tap, "trunks"), "[7, 8]");
      await isSilent(vm, ONE);
    });

    await t.step("only tagged frames", async () => {
      await done(vm, "modify", "0", "--vlan", ":5:6");
      assertEquals(await ovs.column(tap, "tag"), "[]");
      assertEquals(await ovs.column(tap, "trunks"), "[5, 6]");
      await isSilent(vm, ONE);
      await vm.waitGuest(
        "ip addr flush dev eth0 && " +
          "ip link add link eth0 name tagged type vlan id 5 && " +
          "ip link set tagged up && ip addr add 198.51.100.2/26 dev tagged",
      );
      await answers(vm, ONE);
      await vm.guest("ip link del tagged");
      await configure(vm);
    });

    await t.step("another switch in place, the link stays up", async () => {
      const count = "cat /sys/class/net/eth0/carrier_changes";
      const changes = (await vm.guest(count)).output;
      await done(vm, "modify", "0", "--link", "sw1", "--vlan", "none");
      assertEquals(await ovs.ports("sw0"), ["own0"]);
      assertEquals(await ovs.ports("sw1"), ["own1", tap]);
      await answers(vm, TWO);
      await isSilent(vm, ONE);
      assertEquals((await vm.guest(count)).output, changes);
    });

    await t.step("another MAC: the new port takes the old one's", async () => {
      const device = await done(vm, "modify", "0", "--mac", OTHER_MAC);
      assertEquals(await ovs.ports("sw1"), ["own1", device.tap]);
      await configure(vm, OTHER_MAC);
      await answers(vm, TWO);
    });

    await t.step("removed, its port too", async () => {
      await done(vm, "remove", "0");
      assertEquals(await ovs.ports("sw1"), ["own1"]);
      assertEquals(await snapshot(vm), before);
    });
  });
});

eachRelease("an Open vSwitch after what fails or is killed", async (vm, t) => {
  await withSwitches(vm, async (ovs) => {
    const before = await snapshot(vm);
    const add = ["nic", "add", vm.name, ...ADD, "--uuid", UUID, "--mac", MAC];

    await t.step("no such switch, none to be asked", async () => {
      const words = ["nic", "add", vm.name, "--mode", "openvswitch"];
      const none = await tool(vm, ...words, "--link", "sw9");
      assertEquals([none.status, none.json.error.code], [3, "refused"]);
      const folder = Deno.env.get("OVS_RUNDIR") ?? "";
      Deno.env.set("OVS_RUNDIR", vm.runDir);
      const down = await tool(vm, ...words, "--link", "sw0");
      Deno.env.set("OVS_RUNDIR", folder);
      assertEquals([down.status, down.json.error.code], [3, "refused"]);
      assertMatch(down.json.error.message, /ovs-vsctl.*db\.sock/);
      assertEquals(await snapshot(vm), before);
    });

    await t.step("an addition that QEMU refuses", async () => {
      const ran = await refusing(vm, "device_add", () => tool(vm, ...add));
      assertEquals([ran.status, ran.json.changed], [5, false], ran.stdout);
      assertEquals(await ovs.ports("sw0"), ["own0"]);
      assertEquals(await snapshot(vm), before);
    });

    await t.step("an addition that is killed", async () => {
      await killed(vm, add, { command: "device_add", when: "before" });
      assertEquals((await ovs.ports("sw0")).length, 2);
      assertEquals((await tool(vm, "repair", vm.name)).status, 0);
      assertEquals(await ovs.ports("sw0"), ["own0"]);
      assertEquals(await snapshot(vm), before);
    });

    await t.step("a replug that QEMU refuses", async () => {
      const { tap } = await done(vm, "add", ...ADD, "--uuid", UUID);
      const words = ["nic", "modify", vm.name, "0", "--mac", OTHER_MAC];
      const ran = await refusing(vm, "device_add", () => tool(vm, ...words));
      assertEquals([ran.status, ran.json.changed], [5, false], ran.stdout);
      assertEquals(await ovs.ports("sw0"), ["own0", tap]);
      assertEquals(await ovs.column(tap, "tag"), "5");
      const { json } = await tool(vm, "list", vm.name);
      assertEquals([json.devices[0].tap, json.devices[0].status], [tap, "ok"]);
      await configure(vm, json.devices[0].mac);
      await answers(vm, ONE);
    });

    await t.step("a removal that is killed", async () => {
      const words = ["nic", "remove", vm.name, "0"];
      await killed(vm, words, { command: "netdev_del", when: "before" });
      assertEquals((await tool(vm, "repair", vm.name)).status, 0);
      assertEquals(await ovs.ports("sw0"), ["own0"]);
      assertEquals(interfaces(), before.interfaces);
    });

    await t.step("a tap of a name that is in the database still", async () => {
      await ovs.control("--no-wait", "add-port", "sw1", "tapold");
      await done(vm, "add", ...ADD, "--tap", "tapold");
      assertEquals(await ovs.ports("sw1"), ["own1"]);
      assertEquals(await ovs.ports("sw0"), ["own0", "tapold"]);
      await done(vm, "remove", "0");
      assertEquals(await ovs.ports("sw0"), ["own0"]);
    });

    const verb = VERBS.pop() ?? "add";
    await t.step(`${verb} that is killed, and QEMU after it`, async () => {
      const words = verb === "add"
        ? add
        : ["nic", "modify", vm.name, "0", "--mac", OTHER_MAC];
      if (verb === "modify") await done(vm, "add", ...ADD, "--uuid", UUID);
      await killed(vm, words, { command: "device_add", when: "before" });
      assertEquals((await ovs.ports("sw0")).length, 2);
      await vm.kill();
      const { status, stdout } = await tool(vm, "repair", vm.name);
      assertEquals([status, await ovs.ports("sw0")], [0, ["own0"]], stdout);
    });
  });
});
