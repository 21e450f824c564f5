/** A NIC that QEMU does not let go keeps what was made for it. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { apply } from "../../lib/engine/apply.ts";
import { planOf } from "../../lib/engine/plan.ts";
import { World } from "../../lib/engine/world.ts";
import { HotplugError } from "../../lib/errors.ts";
import type { NicChanges } from "../../lib/nic/request.ts";
import { QmpSession } from "../../lib/qmp/client.ts";
import { statPath } from "../../lib/sys/file.ts";
import { STEPS } from "../support/steps.ts";
import { planNow } from "./killed.ts";
import {
  assertFailed,
  Instance,
  NAME,
  NEW,
  NEW_NIC,
  TAP,
  tapBehind,
  taps,
} from "../lab/scripted_instance.ts";

const NO = { class: "GenericError", desc: "QEMU says no" };
const BRIDGE = `khb${Deno.pid}`;
const OTHER = `kho${Deno.pid}`;

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}

async function withBridge(
  body: () => Promise<void>,
  bridge = BRIDGE,
): Promise<void> {
  await ip("link", "add", bridge, "type", "bridge");
  try {
    await body();
  } finally {
    await ip("link", "del", bridge);
  }
}

/** Names of the interfaces on a bridge. */
function ports(bridge = BRIDGE): string[] {
  return [...Deno.readDirSync(`/sys/class/net/${bridge}/brif`)]
    .map(({ name }) => name);
}

/** What is there of the NIC: on the bridge, in QEMU, in the NIC files. */
function nicOf(vm: Instance) {
  const held = vm.peer.model.netdevs.get(NEW_NIC)?.fds ?? [];
  const files = vm.at(`nic/${NAME}`);
  const there = [...Deno.readDirSync(vm.at("nic"))].length > 0;
  return {
    ports: ports(),
    inQemu: held.map((fd) => tapBehind(fd.number)),
    // Our own copy is closed: what is open here is what QEMU has.
    open: taps(),
    files: there
      ? [...Deno.readDirSync(files)].map(({ name }) =>
        `${name}: ${Deno.readTextFileSync(`${files}/${name}`)}`
      )
      : [],
  };
}

const KEPT = {
  ports: [TAP],
  inQemu: [TAP],
  open: [`/sys ${TAP}`, TAP],
  files: [`1: ${TAP}`],
};

const GONE = { ports: [], inQemu: [], open: [], files: [] };

/** What keeps QEMU from letting go, and with what the rollback is stuck. */
const STUCK: Record<string, readonly [(vm: Instance) => void, RegExp]> = {
  "netdev_del is refused": [(vm) => {
    vm.peer.once("device_add", { refuse: NO });
    vm.peer.once("netdev_del", { refuse: NO });
  }, /netdev_add: .*QEMU says no/],
  "the guest keeps the device": [(vm) => {
    vm.peer.model.hidden.add(NEW_NIC);
    vm.peer.guest = "is silent";
  }, /device_add: .*not released/],
};

for (const [why, [spoil, said]] of Object.entries(STUCK)) {
  Deno.test(`nic add whose rollback is stuck as ${why} leaves the tap on its bridge, open and on record`, async () => {
    await withBridge(async () => {
      await using vm = new Instance();
      const before = Deno.readTextFileSync(vm.runtimePath);
      assertEquals(nicOf(vm), GONE);
      spoil(vm);
      const words = ["--link", BRIDGE, "--tap", TAP, "--uuid", NEW];
      const ran = await vm.cli(
        ...["nic", "add", NAME, ...words, "--unplug-timeout", "0.1"],
      );
      const { message } = assertFailed(ran, 7, "rollback-incomplete");
      assertMatch(message, said);
      for (const made of ["make a tap", "connect the tap", "write the NIC"]) {
        assertMatch(
          message,
          new RegExp(`${made}[^;]*: not undone, because QEMU`),
        );
      }
      assertEquals(nicOf(vm), KEPT);
      assertEquals(vm.text, before);
      // Once QEMU lets go, all of it goes.
      vm.peer.guest = "releases";
      const repaired = await vm.cli("repair", NAME);
      assertEquals(repaired.status, 0, repaired.out);
      assertEquals(nicOf(vm), GONE);
      assertEquals(statPath(vm.runtimePath).sizeBytes, before.length);
    });
  });
}

async function addNic(vm: Instance): Promise<void> {
  const words = ["--link", BRIDGE, "--tap", TAP, "--uuid", NEW];
  const ran = await vm.cli("nic", "add", NAME, ...words);
  assertEquals(ran.status, 0, ran.out);
}

/** Carries out a change of the NIC in short time. @returns its failure */
async function failing(
  vm: Instance,
  changes: NicChanges,
): Promise<HotplugError> {
  const { steps } = await planNow(vm, {
    kind: "nic-modify",
    instance: NAME,
    device: NEW,
    changes,
  });
  await vm.peer.idle();
  const options = { timeoutMs: 200, unplugTimeoutMs: 100, steps: STEPS };
  const qmp = await QmpSession.open(vm.qmpPath, options);
  using world = new World(qmp, { ...options, qmpPath: vm.qmpPath });
  const plan = planOf({
    ...{ action: "modify", instance: NAME, title: "NIC 1", device: null },
    ...{ kinds: ["nic"], steps, warnings: [] },
  });
  return await assertRejects(() => apply(plan, world), HotplugError);
}

Deno.test("nic modify that QEMU leaves half-way moves the tap back to its bridge", async () => {
  await withBridge(async () => {
    await withBridge(async () => {
      await using vm = new Instance();
      await addNic(vm);
      const before = nicOf(vm);
      // The carrier is not set, and nothing tells that it was set back.
      vm.peer.once("set_link", { reply: "never" });
      vm.peer.once("set_link", { reply: "never" });
      const changes = { link: OTHER, linkState: "down" } as const;
      const { code, message } = await failing(vm, changes);
      assertEquals(code, "interrupted");
      assertMatch(message, /not undone: QEMU: set_link: [^;]*$/);
      assertEquals([nicOf(vm), ports(OTHER)], [before, []]);
    }, OTHER);
  });
});

Deno.test("nic modify whose new backend stays leaves the new tap in the NIC file", async () => {
  await withBridge(async () => {
    await using vm = new Instance();
    await addNic(vm);
    vm.peer.once("device_add", { refuse: NO });
    vm.peer.once("netdev_del", {});
    vm.peer.once("netdev_del", { refuse: NO });
    const tap = `khn${Deno.pid}`;
    const changes = { mac: "aa:00:00:00:00:77", tap };
    const { code, message } = await failing(vm, changes);
    assertEquals(code, "rollback-incomplete");
    assertMatch(message, /netdev_add: .*QEMU says no/);
    const { ports, inQemu, files } = nicOf(vm);
    assertEquals({ ports, inQemu, files }, {
      ports: [tap],
      inQemu: [tap],
      files: [`1: ${tap}`],
    });
  });
});
