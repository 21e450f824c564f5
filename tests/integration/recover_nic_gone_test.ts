/**
 * A change of a NIC that was cut off, and QEMU has ended since: its tap is gone,
 * and another VM may have one of the same name.
 */
import { assert, assertEquals } from "@std/assert";
import { recover } from "../../lib/engine/recover.ts";
import { ip, joinBridge } from "../../lib/host/network.ts";
import { bridgeOf, interfaceExists, openTap } from "../../lib/host/tap.ts";
import { joinRoute, leaveRoute } from "../../lib/host/tap_route.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { nicAdd, nicRemove, ownFiles } from "./kill_requests.ts";
import { killAt, type KillPoint, killPoints, planNow } from "./killed.ts";
import { Instance, NAME, NEW, TAP } from "../lab/scripted_instance.ts";

const BRIDGES = [`khb${Deno.pid}`, `kho${Deno.pid}`, `kht${Deno.pid}`] as const;
const [FIRST, SECOND, THIRD] = BRIDGES;

const of = { instance: NAME, device: NEW };
const BRIDGED = ["--link", FIRST];
const ROUTED = ["--mode", "routed", "--ip", "192.0.2.7"];

const MOVE: KindRequest = {
  ...{ kind: "nic-modify", ...of },
  changes: { mode: "bridged", link: SECOND },
};
const REPLUG: KindRequest = {
  ...{ kind: "nic-modify", ...of },
  changes: { mac: "aa:00:00:00:00:77" },
};

/** A request, and the words by which its NIC was added. */
type Change = readonly [KindRequest, readonly string[]];

/** A change of a NIC, cut off at each point of it; then QEMU ends. */
async function eachCut(
  [request, added]: Change,
  body: (vm: Instance, point: KillPoint) => Promise<void>,
): Promise<void> {
  let points: KillPoint[] | undefined;
  for (let i = 0; points === undefined || i < points.length; i++) {
    await using vm = new Instance();
    if (added.length > 0) {
      const words = [...added, "--tap", TAP, "--uuid", NEW];
      const { status, out } = await vm.cli("nic", "add", NAME, ...words);
      assertEquals(status, 0, out);
    }
    const plan = await planNow(vm, request);
    await vm.peer.idle();
    points ??= killPoints(plan);
    const point = points[i] as KillPoint;
    await killAt(vm, request, point);
    await vm.peer[Symbol.asyncDispose]();
    assert(!interfaceExists(TAP));
    await body(vm, point);
  }
}

async function putInOrder(vm: Instance): Promise<void> {
  const times = { timeoutMs: 2_000, unplugTimeoutMs: 200, load: loadSteps };
  const recovery = await recover(instancePaths(vm.runDir, NAME), times);
  assertEquals(recovery?.leftAlone, []);
  assertEquals(ownFiles(vm), []);
}

async function withBridges(body: () => Promise<void>): Promise<void> {
  for (const name of BRIDGES) await ip(["link", "add", name, "type", "bridge"]);
  try {
    await body();
  } finally {
    for (const name of BRIDGES) await ip(["link", "del", name]);
  }
}

/** What the tap of that name hangs on. */
async function placeOf() {
  const routes = await ip(["-4", "route", "show", "dev", TAP]);
  const rules = await ip(["-4", "rule", "show", "iif", TAP]);
  return { bridge: bridgeOf(TAP), routes, rules };
}

const ADD: KindRequest = {
  ...nicAdd(),
  ...{ mode: "routed", link: "77", ip: "192.0.2.7" },
};

const GONE: Record<string, Change> = {
  "an addition by a table": [ADD, []],
  "a move from a bridge": [MOVE, BRIDGED],
  "a move from a route": [MOVE, ROUTED],
};

for (const [name, change] of Object.entries(GONE)) {
  Deno.test(`recover() puts ${name} in order though the tap is gone`, () =>
    withBridges(() =>
      eachCut(change, async (vm) => {
        await putInOrder(vm);
        assert(!interfaceExists(TAP));
        // A NIC that is recorded hangs there as that of any VM that ended.
        if (change[0] !== ADD || !vm.text.includes(NEW)) {
          assertEquals(await ip(["-4", "rule", "show", "iif", TAP]), "");
        } else await leaveRoute(TAP, { ip: "192.0.2.7", link: "77" });
      })
    ));
}

const ANOTHERS: Record<string, Change> = {
  ...GONE,
  "a NIC plugged anew": [REPLUG, ROUTED],
  "a removal": [nicRemove, ROUTED],
};

for (const [name, change] of Object.entries(ANOTHERS)) {
  Deno.test(`recover() of ${name} leaves another's tap of that name alone`, () =>
    withBridges(() =>
      eachCut(change, async (vm, point) => {
        const { fds } = openTap({ name: TAP, queues: 1, vnetHdr: "off" });
        try {
          await joinBridge(TAP, { bridge: THIRD, vlan: null });
          await joinRoute(TAP, { ip: "192.0.2.9", link: "7" });
          await ip([
            "route",
            "add",
            "192.0.2.9",
            "dev",
            TAP,
            "proto",
            "static",
          ]);
          const before = await placeOf();
          await putInOrder(vm);
          assertEquals(await placeOf(), before, JSON.stringify(point));
        } finally {
          for (const fd of fds) fd.close();
          await leaveRoute(TAP, { ip: "192.0.2.9", link: "7" });
        }
      })
    ));
}
