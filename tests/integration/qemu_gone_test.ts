/** QEMU ends at each message of a change of a NIC: nothing of it stays here. */
import { assert, assertEquals } from "@std/assert";
import { applyJournaled } from "../../lib/engine/journaled.ts";
import { HotplugError } from "../../lib/errors.ts";
import { ip } from "../../lib/host/network.ts";
import { interfaceExists } from "../../lib/host/tap.ts";
import { leaveRoute } from "../../lib/host/tap_route.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { Instance, NAME, NEW, NIC, TAP } from "../lab/scripted_instance.ts";
import { nicAdd, nicRemove, ownFiles } from "./kill_requests.ts";
import { openWorld, planNow } from "./killed.ts";

const BRIDGE = `khb${Deno.pid}`;
const OTHER_TAP = `khn${Deno.pid}`;
const ADDRESS = "192.0.2.7";
const TABLE = "77";

const PLACES = {
  bridged: { mode: "bridged", link: BRIDGE },
  routed: { mode: "routed", link: TABLE, ip: ADDRESS },
} as const;

const of = { instance: NAME, device: NEW };
const modify = (changes: object): KindRequest => ({
  ...{ kind: "nic-modify", ...of },
  changes,
});

type Place = typeof PLACES[keyof typeof PLACES];

const CHANGES: Record<string, (place: Place) => KindRequest> = {
  "nic add": (place) => ({ ...nicAdd(), ...place } as KindRequest),
  "nic remove": () => nicRemove,
  "nic modify --mac": () =>
    modify({ mac: "aa:00:00:00:00:77", tap: OTHER_TAP }),
  "nic modify --mac --mode none": () =>
    modify({ mac: "aa:00:00:00:00:77", tap: OTHER_TAP, mode: "none" }),
};

/** What names a tap on this node's network. */
async function traces(tap: string): Promise<string> {
  const rules = await ip(["rule", "show", "iif", tap]);
  const routes = await ip(["route", "show", "table", "all"]);
  return rules + routes.split("; ").filter((one) => one.includes(tap)).join();
}

async function prepared(words: readonly string[]): Promise<Instance> {
  const vm = new Instance();
  if (words.length === 0) return vm;
  const more = ["--uuid", NEW, "--tap", TAP];
  const { status, out } = await vm.cli("nic", "add", NAME, ...words, ...more);
  assertEquals(status, 0, out);
  return vm;
}

/** Carries a request out. @returns the commands, once QEMU was asked for them */
async function carryOut(
  vm: Instance,
  request: KindRequest,
  prepare: () => void = () => {},
): Promise<readonly string[]> {
  const plan = await planNow(vm, request);
  await vm.peer.idle();
  const first = vm.peer.calls.length;
  const options = { timeoutMs: 2_000, unplugTimeoutMs: 200, lockTimeoutMs: 0 };
  using world = await openWorld(vm);
  prepare();
  try {
    await applyJournaled(plan, {
      ...{ command: "nic", request: "", process: undefined, world },
      paths: instancePaths(vm.runDir, NAME),
      options: { ...options, runDir: vm.runDir, mode: "apply" },
    });
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
  }
  world[Symbol.dispose]();
  await vm.peer.idle();
  return vm.peer.calls.slice(first).map(({ command }) => command)
    .filter((command) => command !== "qmp_capabilities");
}

/** QEMU ends at the n-th of its commands. */
async function endAt(
  vm: Instance,
  request: KindRequest,
  { commands, n }: { commands: readonly string[]; n: number },
): Promise<void> {
  const command = commands[n] ?? "";
  const earlier = commands.slice(0, n).filter((one) => one === command);
  await carryOut(vm, request, () => {
    for (const _ of earlier) vm.peer.once(command, {});
    vm.peer.once(command, { close: "die" });
  });
}

async function endAtEach(place: Place, change: string): Promise<void> {
  const words = change === "nic add"
    ? []
    : Object.entries(place).flatMap(([key, word]) => [`--${key}`, word]);
  const request = (CHANGES[change] ?? (() => nicRemove))(place);
  let commands: readonly string[] = [];
  {
    await using vm = await prepared(words);
    commands = await carryOut(vm, request);
    assert(commands.length > 1);
  }
  for (const n of commands.keys()) {
    await using vm = await prepared(words);
    await endAt(vm, request, { commands, n });
    const title = `${change}, ${place.mode}, at ${commands[n]}`;
    const repair = await vm.cli("repair", NAME);
    assertEquals([repair.status, ownFiles(vm)], [0, []], title + repair.out);
    const made = change === "nic add" ? TAP : OTHER_TAP;
    assertEquals(
      [interfaceExists(made), await traces(made)],
      [false, ""],
      title,
    );
    const uuids = vm.runtime[1].map(({ uuid }: { uuid: string }) => uuid);
    const others = uuids.filter((uuid: string) => uuid !== NEW);
    assertEquals(others, [NIC.uuid], title);
    const conf = [...Deno.readDirSync(vm.at("conf"))].map(({ name }) => name);
    assertEquals(conf, [`${NAME}.runtime`], title);
    if (change === "nic remove" && uuids.length === 1) {
      assertEquals(await traces(TAP), "", title);
    }
    await leaveRoute(TAP, { ip: ADDRESS, link: TABLE });
  }
}

for (const change of Object.keys(CHANGES)) {
  Deno.test(`QEMU ends at each message of ${change}, routed with a table`, () =>
    endAtEach(PLACES.routed, change));
}

Deno.test("QEMU ends at each message of nic modify --mac, bridged", async () => {
  await ip(["link", "add", BRIDGE, "type", "bridge"]);
  try {
    await endAtEach(PLACES.bridged, "nic modify --mac");
  } finally {
    await ip(["link", "del", BRIDGE]);
  }
});
