/** A NIC whose tap does not go with it, or comes back by another name. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { apply } from "../../lib/engine/apply.ts";
import { recover } from "../../lib/engine/recover.ts";
import type { World } from "../../lib/engine/world.ts";
import { HotplugError } from "../../lib/errors.ts";
import { ip, joinBridge } from "../../lib/host/network.ts";
import { bridgeOf, interfaceExists, openTap } from "../../lib/host/tap.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { beside, HOLD_TAP } from "../lab/beside.ts";
import {
  Instance,
  NAME,
  NEW,
  NEW_NIC,
  TAP,
  tapBehind,
} from "../lab/scripted_instance.ts";
import { nicRemove, ownFiles } from "./kill_requests.ts";
import { killAt, openWorld, planNow } from "./killed.ts";

const NO = { class: "GenericError", desc: "QEMU says no" };
const BRIDGE = `khb${Deno.pid}`;
const ANOTHERS = `kho${Deno.pid}`;

const MODIFY: KindRequest = {
  ...{ kind: "nic-modify", instance: NAME, device: NEW },
  changes: { mac: "aa:00:00:00:00:77" },
};

const BRIDGED = ["--link", BRIDGE];
const ROUTED = ["--mode", "routed", "--ip", "192.0.2.7"];

async function withNic(
  body: (vm: Instance) => Promise<void>,
  place: readonly string[] = [...BRIDGED, "--queues", "2"],
): Promise<void> {
  const bridges = [BRIDGE, ANOTHERS];
  for (const name of bridges) await ip(["link", "add", name, "type", "bridge"]);
  try {
    await using vm = new Instance();
    const words = ["--uuid", NEW, "--tap", TAP];
    const ran = await vm.cli("nic", "add", NAME, ...place, ...words);
    assertEquals(ran.status, 0, ran.out);
    await body(vm);
  } finally {
    for (const name of bridges) await ip(["link", "del", name]);
  }
}

/** The tap that QEMU has for the NIC, and that its file names. */
function tapNow(vm: Instance): string {
  const file = Deno.readTextFileSync(vm.at(`nic/${NAME}/1`));
  const { fds = [] } = vm.peer.model.netdevs.get(NEW_NIC) ?? {};
  assert(fds.length > 0);
  assertEquals(fds.map(({ number }) => tapBehind(number)), fds.map(() => file));
  return file;
}

async function carryOut(vm: Instance, request: KindRequest): Promise<World> {
  const plan = await planNow(vm, request);
  await vm.peer.idle();
  using world = await openWorld(vm);
  await apply(plan, world);
  return world;
}

async function putInOrder(vm: Instance) {
  const times = { timeoutMs: 2_000, unplugTimeoutMs: 200, load: loadSteps };
  const recovery = await recover(instancePaths(vm.runDir, NAME), times);
  await vm.peer.idle();
  assertEquals(recovery?.leftAlone, []);
  return recovery;
}

/** What list and repair tell of the tap. */
async function told(vm: Instance) {
  const list = await vm.cli("list", NAME);
  const repair = await vm.cli("repair", NAME);
  return {
    codes: (list.json.differences as { code: string }[])
      .map(({ code }) => code),
    status: repair.status,
    remaining: (repair.json.remaining as { what: string }[])
      .map(({ what }) => what),
  };
}

for (const request of [MODIFY, nicRemove]) {
  Deno.test(`${request.kind} goes on where another process holds the tap`, () =>
    withNic(async (vm) => {
      await beside(HOLD_TAP, TAP, async (pid) => {
        const { leftAlone: [left] } = await carryOut(vm, request);
        await vm.peer.idle();
        const what = new RegExp(`^Tap ${TAP} stays .* process ${pid} .*python`);
        assertMatch(left?.message ?? "", what);
        assertMatch(left?.hint ?? "", new RegExp(`ip link delete ${TAP}$`));
        assertEquals(bridgeOf(TAP), undefined);
        if (request === MODIFY) assert(tapNow(vm) !== TAP);
        else assertEquals(vm.peer.model.netdevs.has(NEW_NIC), false);

        for (let times = 0; times < 2; times++) {
          const { codes, status, remaining } = await told(vm);
          assertEquals([codes, status], [["held-tap"], 7]);
          assertMatch(remaining.join(), what);
        }
        // It is no longer noted than it is there, whoever removes it.
        if (request === MODIFY) await ip(["link", "delete", TAP]);
      });
      assert(!interfaceExists(TAP));
      const nothing = { codes: [], status: 0, remaining: [] };
      assertEquals(await told(vm), nothing);
    }));
}

for (const place of [BRIDGED, ROUTED]) {
  const isBridged = place === BRIDGED;
  Deno.test(`nic modify that fails on a held tap (${isBridged ? "bridged" : "routed"}) puts the NIC back on another`, () =>
    withNic(async (vm) => {
      const routes = () =>
        ip(["-4", "route", "show", "192.0.2.7"]).then((text) =>
          text.replace(/dev \S+/, "")
        );
      const before = [vm.text, vm.peer.model.contents(), await routes()];
      await beside(HOLD_TAP, TAP, async () => {
        vm.peer.once("device_add", { refuse: NO });
        const error = await assertRejects(
          () => carryOut(vm, MODIFY),
          HotplugError,
        );
        await vm.peer.idle();
        assertEquals(error.changed, false, error.message);
        assertEquals(
          [vm.text, vm.peer.model.contents(), await routes()],
          before,
        );
        const tap = tapNow(vm);
        assert(tap !== TAP);
        assertEquals(bridgeOf(tap), isBridged ? BRIDGE : undefined);
        assertEquals(bridgeOf(TAP), undefined);
        if (isBridged) return;
        const shown = await ip(["-4", "route", "show", "192.0.2.7"]);
        assertMatch(shown, new RegExp(`dev ${tap}\\b`));
      });
    }, [...place, "--queues", "2"]));
}

Deno.test("recover() of an undo that was cut off between getfd and netdev_add", () =>
  withNic(async (vm) => {
    const { steps } = await planNow(vm, MODIFY);
    await vm.peer.idle();
    const step = steps.findIndex(({ kind }) => kind === "drop-netdev");
    await killAt(vm, MODIFY, { step, when: "after" });
    const { fds: [fd] } = openTap({ name: TAP, queues: 1, vnetHdr: "on" });
    vm.peer.model.carryOut("getfd", { fdname: "kvm-hotplug-0" }, fd);
    const recovery = await putInOrder(vm);
    assertEquals(recovery?.did, "taken back");
    assertEquals(tapNow(vm), TAP);
    assertEquals([bridgeOf(TAP), ownFiles(vm)], [BRIDGE, []]);
    assertEquals([...vm.peer.model.fdNames], []);
  }, BRIDGED));

/** Cut off after a step; then another VM has a tap of that name. */
async function withAnothers(
  vm: Instance,
  [request, kind]: readonly [KindRequest, string],
  body: () => Promise<void>,
): Promise<void> {
  const { steps } = await planNow(vm, request);
  await vm.peer.idle();
  const next = steps.findIndex((one) => one.kind === kind);
  await killAt(vm, request, { step: next, when: "before" });
  const { fds } = openTap({ name: TAP, queues: 1, vnetHdr: "off" });
  try {
    await joinBridge(TAP, { bridge: ANOTHERS, vlan: null });
    await body();
    assertEquals(bridgeOf(TAP), ANOTHERS);
  } finally {
    for (const fd of fds) fd.close();
  }
}

Deno.test("recover() puts a NIC back on a tap of its own, not on another VM's", () =>
  withNic((vm) =>
    withAnothers(vm, [MODIFY, "await-tap-gone"], async () => {
      assertEquals((await putInOrder(vm))?.did, "taken back");
      const tap = tapNow(vm);
      assert(tap !== TAP);
      assertEquals([bridgeOf(tap), ownFiles(vm)], [BRIDGE, []]);
    })
  ));

Deno.test("recover() of a removal takes another VM's tap for none of its own", () =>
  withNic((vm) =>
    withAnothers(vm, [nicRemove, "await-tap-gone"], async () => {
      assertEquals((await putInOrder(vm))?.did, "finished");
      assertEquals(ownFiles(vm), []);
    })
  ));
