/**
 * `nic modify` on a real guest that pings through its NIC: moved to another
 * bridge, without a carrier, with another MAC, and after failures.
 */
import { type Remark, remarkText } from "../../lib/errors.ts";
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { allFdNames } from "../../lib/device/nic.ts";
import { eachRelease, host } from "../lab/each_release.ts";
import { FULL } from "./kill_points.ts";
import { killed, refusing } from "./nic_failures.ts";
import { interfaces, keptFdNames, snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "a0000001-1111-4111-8111-000000000001";
const ID = "nic-a0000001-1111-4111";
const MAC = "aa:00:00:00:00:01";
const OTHER_MAC = "aa:00:00:00:00:02";
const ONE = "198.51.100.1";
const TWO = "198.51.100.65";

/** What a replug says to QEMU. */
const REPLUG = [
  "getfd",
  "device_del",
  "netdev_del",
  "netdev_add",
  "device_add",
];

interface Network {
  readonly one: string;
  readonly two: string;
}

/** Two bridges, each with an address of a network of its own. */
async function withBridges(
  vm: Vm,
  body: (network: Network) => Promise<void>,
): Promise<void> {
  const [one, two] = ["a", "b"].map((end) => `kh${end}${vm.pid % 100_000}`);
  const bridges = { [one as string]: ONE, [two as string]: TWO };
  try {
    for (const [bridge, address] of Object.entries(bridges)) {
      await host("ip", "link", "add", bridge, "type", "bridge");
      await host("ip", "link", "set", bridge, "up");
      await host("ip", "addr", "add", `${address}/26`, "dev", bridge);
    }
    await body({ one: one as string, two: two as string });
  } finally {
    for (const bridge of Object.keys(bridges)) {
      await host("ip", "link", "del", bridge).catch(() => {});
    }
  }
}

/** All but the number of the fd, which is another once a tap is put back. */
async function state(vm: Vm) {
  const { network, ...all } = await snapshot(vm);
  return { ...all, network: network.replaceAll(/fd=\d+/g, "fd") };
}

/** The guest's only Ethernet interface, configured. */
async function configure(vm: Vm, mac: string): Promise<void> {
  await vm.waitGuest(`grep -qi ${mac} /sys/class/net/eth0/address`);
  await vm.waitGuest(
    "ip link set eth0 up && ip addr replace 198.51.100.2/26 dev eth0 && " +
      "ip addr replace 198.51.100.66/26 dev eth0",
  );
}

/** Whether the host at this address answers the guest. */
async function answers(vm: Vm, address: string): Promise<void> {
  await vm.waitGuest(`ping -c 1 -W 1 ${address}`);
}

async function isSilent(vm: Vm, address: string): Promise<void> {
  const { status } = await vm.guest(`ping -c 2 -W 1 ${address}`);
  assertEquals(status, 1, `${address} answers`);
}

async function carrierChanges(vm: Vm): Promise<string> {
  return (await vm.guest("cat /sys/class/net/eth0/carrier_changes")).output;
}

async function modify(vm: Vm, ...words: readonly string[]) {
  const ran = await tool(vm, "nic", "modify", vm.name, ...words);
  assertEquals(ran.status, 0, ran.stdout);
  const told = ran.json.warnings.map((one: Remark) =>
    `warning: ${remarkText(one)}\n`
  );
  assertEquals(ran.stderr, told.join(""));
  return ran.json;
}

async function entryOf(vm: Vm) {
  return JSON.parse(await Deno.readTextFile(vm.runtimePath))[1][0];
}

async function added(vm: Vm, { one }: Network): Promise<string> {
  const words = ["--link", one, "--uuid", UUID, "--mac", MAC];
  const add = await tool(vm, "nic", "add", vm.name, ...words);
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
  await configure(vm, MAC);
  await answers(vm, ONE);
  return add.json.device.tap;
}

eachRelease("nic modify in place and by replug", async (vm, context) => {
  await withBridges(vm, async (network) => {
    const before = await snapshot(vm);
    const tap = await added(vm, network);
    const slot = (await vm.guest("readlink -f /sys/class/net/eth0/device"))
      .output;

    await context.step(
      "another bridge, the guest's link stays up",
      async () => {
        const changes = await carrierChanges(vm);
        const json = await modify(vm, "0", "--link", network.two);
        assertEquals([json.action, json.changed], ["modify", true]);
        assertEquals([json.device.tap, json.device.link], [tap, network.two]);
        await answers(vm, TWO);
        await isSilent(vm, ONE);
        assertEquals(await carrierChanges(vm), changes);
        const { nicparams } = await entryOf(vm);
        assertEquals(nicparams.link, network.two);
        const again = await modify(vm, "0", "--link", network.two);
        assertEquals(again.changed, false);
      },
    );

    await context.step("a carrier that is down, and up again", async () => {
      const carrier = "cat /sys/class/net/eth0/carrier";
      await modify(vm, "0", "--link-state", "down");
      await vm.waitGuest(`${carrier} | grep 0`);
      const { json } = await tool(vm, "list", vm.name);
      assertEquals(json.devices[0].link_state, "down");
      await modify(vm, "0", "--link-state", "up");
      await vm.waitGuest(`${carrier} | grep 1`);
      // Past the tool; QEMU does not tell, so it is set again when asked.
      await vm.qmp.execute("set_link", { name: ID, up: false });
      await vm.waitGuest(`${carrier} | grep 0`);
      const again = await modify(vm, "0", "--link-state", "up");
      assertEquals(again.changed, false);
      await vm.waitGuest(`${carrier} | grep 1`);
      await answers(vm, TWO);
      const listed = await tool(vm, "list", vm.name);
      assertEquals(listed.json.devices[0].link_state, "up");
    });

    await context.step("another MAC in the same slot", async () => {
      const json = await modify(vm, ID, "--mac", OTHER_MAC, "--queues", "2");
      assertEquals([json.device.id, json.device.uuid], [ID, UUID]);
      assertMatch(saidIn(json.warnings), /would use queues of the hvparams/);
      const replaced = `in the same slot, .*; the old tap was ${tap}`;
      assertMatch(saidIn(json.warnings), new RegExp(replaced));
      assertNotEquals(json.device.tap, tap);
      assertEquals(interfaces().includes(tap), false);
      await configure(vm, OTHER_MAC);
      await answers(vm, TWO);
      const now = "readlink -f /sys/class/net/eth0/device";
      assertEquals((await vm.guest(now)).output.length, slot.length);
      const pci = (path: string) => path.split("/").slice(0, -1).join("/");
      assertEquals(pci((await vm.guest(now)).output), pci(slot));
      // VIRTIO_NET_F_MQ: virtio 1.2, section 5.1.3.
      const features = await vm.guest(
        "cat /sys/class/net/eth0/device/features",
      );
      assertEquals(features.output.charAt(22), "1");
      assertEquals((await entryOf(vm)).mac, OTHER_MAC);
      const file = await Deno.readTextFile(`${vm.layout.nic}/0`);
      assertEquals(file, json.device.tap);
    });

    await context.step("a replug keeps a carrier that is down", async () => {
      await modify(vm, "0", "--link-state", "down");
      await modify(vm, "0", "--mac", MAC, "--queues", "1");
      await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/eth0/address`);
      await vm.waitGuest("ip link set eth0 up");
      await vm.waitGuest("grep 0 /sys/class/net/eth0/carrier");
      await modify(vm, "0", "--link-state", "up");
    });

    await context.step("removed as Ganeti would, by its id", async () => {
      const remove = await tool(vm, "nic", "remove", vm.name, ID);
      assertEquals([remove.stderr, remove.status], ["", 0]);
      assertEquals(await snapshot(vm), before);
    });
  });
});

eachRelease("a NIC whose replug fails is put back", async (vm, context) => {
  await withBridges(vm, async (network) => {
    await added(vm, network);
    const before = await state(vm);
    const plan = (await tool(
      vm,
      ...["nic", "modify", vm.name, "0", "--mac", OTHER_MAC, "--dry-run"],
    )).json.plan;
    assertEquals(await state(vm), before);
    const commands = plan.flatMap((one: { qmp: { execute: string } | null }) =>
      one.qmp === null || one.qmp.execute === "query-pci"
        ? []
        : [one.qmp.execute]
    );
    assertEquals(commands, REPLUG);
    for (const command of commands) {
      await context.step(`${command} refused`, async () => {
        const words = ["0", "--mac", OTHER_MAC, "--unplug-timeout", "1"];
        const ran = await refusing(
          vm,
          command,
          async () => await tool(vm, "nic", "modify", vm.name, ...words),
        );
        assertEquals(ran.status, command === "device_del" ? 6 : 5, ran.stdout);
        await configure(vm, MAC);
        await answers(vm, ONE);
        assertEquals(await state(vm), before);
        assertEquals(await keptFdNames(vm, allFdNames()), []);
      });
    }
  });
});

/** The NIC after a kill: whichever it is, it is whole, and the guest uses it. */
async function isWhole(vm: Vm): Promise<void> {
  const repair = await tool(vm, "repair", vm.name);
  assertEquals([repair.stderr, repair.status], ["", 0], repair.stdout);
  const { json } = await tool(vm, "list", vm.name);
  const { status, mac, tap } = json.devices[0];
  assertEquals([json.devices.length, status], [1, "ok"]);
  assertEquals(mac, (await entryOf(vm)).mac);
  assertEquals(await Deno.readTextFile(`${vm.layout.nic}/0`), tap);
  assertEquals(await keptFdNames(vm, allFdNames()), []);
  await configure(vm, mac);
  await answers(vm, ONE);
}

eachRelease(
  "a replug that is killed leaves one NIC or the other",
  async (vm, context, number) => {
    await withBridges(vm, async (network) => {
      await added(vm, network);
      for (const when of ["before", "after"] as const) {
        // The releases share the instants, unless all is wanted.
        const first = (number + (when === "before" ? 0 : 1)) % 2;
        const some = REPLUG.filter((_, k) => FULL || k % 2 === first);
        for (const command of some) {
          await context.step(`killed ${when} ${command}`, async () => {
            const [{ mac }, now] = [await entryOf(vm), interfaces().length];
            const other = mac === MAC ? OTHER_MAC : MAC;
            const words = ["nic", "modify", vm.name, "0", "--mac", other];
            await killed(vm, words, { command, when });
            await isWhole(vm);
            assertEquals(interfaces().length, now);
          });
        }
      }
    });
  },
);

eachRelease("nic add with four queues, which the guest sees", async (vm) => {
  const before = await state(vm);
  const add = await tool(vm, "nic", "add", vm.name, "--queues", "4");
  assertEquals([add.status, add.json.device.queues], [0, 4], add.stderr);
  const { id } = add.json.device;
  const path = `/machine/peripheral/${id}`;
  const get = (property: string) =>
    vm.qmp.execute("qom-get", { path, property });
  assertEquals([await get("mq"), await get("vectors")], [true, 10]);
  const details = await host("ip", "-d", "link", "show", add.json.device.tap);
  assertEquals(/multi_queue/.test(details), true, details);
  await vm.waitGuest("ip link set eth0 up");
  await vm.waitGuest("test -d /sys/class/net/eth0/queues/tx-3");
  const { json } = await tool(vm, "list", vm.name);
  assertEquals([json.devices[0].queues, json.devices[0].status], [4, "ok"]);
  const remove = await tool(vm, "nic", "remove", vm.name, "0");
  assertEquals([remove.stderr, remove.status], ["", 0]);
  assertEquals(await state(vm), before);
}, { extraArgs: ["-smp", "4"] });

eachRelease("nic add of every card that this QEMU can plug", async (vm) => {
  const before = await state(vm);
  const cards = ["e1000", "rtl8139", "ne2k_pci", "pcnet"];
  for (const card of [...cards, "i82551", "i82557b", "i82559er"]) {
    const add = await tool(vm, "nic", "add", vm.name, "--driver", card);
    assertEquals([add.status, add.json.device?.driver], [0, card], add.stdout);
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(json.devices[0].status, "ok");
    const remove = await tool(vm, "nic", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
  }
  for (const other of ["ne2k_isa", "virtio-blk-pci", "usb-net", "nothing"]) {
    const add = await tool(vm, "nic", "add", vm.name, "--driver", other);
    assertEquals([add.status, add.json.error.code], [3, "unsupported"]);
  }
  assertEquals(await state(vm), before);
});
