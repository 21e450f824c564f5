import { saidIn } from "../support/document.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { isRepeat } from "../../lib/engine/qmp_steps.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import type { NicChanges } from "../../lib/nic/request.ts";
import type { OwnDevice, OwnRecord } from "../../lib/state/own_check.ts";
import {
  applyChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import { formatRuntime } from "../../lib/state/runtime.ts";
import {
  assert,
  disk,
  idOf,
  nic,
  type nicAddFacts,
  nicModifyFacts,
  planOf,
  planRefusal,
  qmpStep,
  runtime,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { describe } from "../support/steps.ts";

const TWO_NICS = { disks: [disk(0, 12)], nics: [nic(0, 13), nic(1, 14)] };
const ID = idOf("nic", 0);

type Given = Parameters<typeof nicAddFacts>[0];

function factsOf(given: Given = {}) {
  return nicModifyFacts({ ...TWO_NICS, ...given });
}

function request(changes: NicChanges, device = "0") {
  return { kind: "nic-modify", instance: "vm1", device, changes } as const;
}

function plan(changes: NicChanges, given: Given = {}) {
  return planOf(planNicModify(request(changes), factsOf(given)));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  changes: NicChanges,
  given: Given = {},
) {
  return planRefusal(
    code,
    factsOf(given),
    (facts) => planNicModify(request(changes), facts),
  );
}

/** What is noted of NIC 0. */
function noted(linkState: "up" | "down"): OwnRecord {
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", linkState } } as const;
  return { qemu: null, devices, more: {} };
}

function ownWith(linkState: "up" | "down") {
  const place = { runDir: "/run/g", lockKey: "vm1" };
  return { own: { place, qemu: null, record: noted(linkState) } };
}

Deno.test("planNicModify() moves the tap to another bridge", () => {
  const moved = plan({ link: "br1" });
  assertEquals(stepNames(moved), ["stage-state", "attach-tap", "commit-state"]);
  const { tap, from, to } = stepOf(moved, "attach-tap");
  assertEquals([tap, from?.link, to?.link], ["tap0", "br0", "br1"]);
  assertEquals(stepOf(moved, "commit-state").change, {
    change: "members",
    list: "nics",
    uuid: uuidOf("nic", 0),
    members: { nicparams: '{"mode":"bridged","link":"br1","vlan":""}' },
  });
  assertEquals([moved.device["tap"], moved.device["link"]], ["tap0", "br1"]);
  assertEquals(moved.action, "modify");
});

Deno.test("planNicModify() of what is so already does nothing", () => {
  const decision = planNicModify(request({ link: "br0" }), factsOf());
  assertEquals(decision.steps, []);
});

Deno.test("planNicModify() asks QEMU for MAC and driver, not the file", () => {
  const [recorded, live] = ["aa:00:00:00:00:00", "aa:00:00:00:00:99"];
  const node = { liveMacs: new Map([[ID, live]]) };
  const anew = plan({ mac: recorded }, { node });
  assertEquals(qmpStep(anew, "device_add").arguments["mac"], recorded);
  const [back] = stepOf(anew, "unplug").putBack ?? [];
  assertEquals(back?.arguments["mac"], live);
  const noted = plan({ mac: live }, { node });
  assertEquals(stepNames(noted), ["stage-state", "commit-state"]);
  const { change } = stepOf(noted, "commit-state");
  assertEquals("members" in change && change.members, { mac: `"${live}"` });
  // What was not asked is not written down.
  const moved = plan({ link: "br1" }, { node });
  assertEquals(stepNames(moved), ["stage-state", "attach-tap", "commit-state"]);
  const { change: link } = stepOf(moved, "commit-state");
  assertEquals("members" in link && Object.keys(link.members), ["nicparams"]);
  const drivers = new Map([[ID, "e1000"]]);
  const card = plan({ driver: "virtio-net-pci" }, { qemu: { drivers } });
  assertEquals(
    qmpStep(card, "device_add").arguments["driver"],
    "virtio-net-pci",
  );
});

/** What the new card has; what stays recorded, and what it is plugged with. */
const KEPT: readonly [
  changes: NicChanges,
  has: readonly string[] | undefined,
  entry: readonly string[],
  plugged: readonly string[],
  dropped: readonly string[],
][] = [
  // The same model: only what a start gives by itself goes.
  [{ mac: "aa:00:00:00:00:77" }, undefined, ["host_mtu", "bootindex"], [
    ...["host_mtu", "bootindex"],
  ], []],
  [{ queues: 4 }, undefined, ["host_mtu", "bootindex"], [
    ...["host_mtu", "bootindex", "mq", "vectors"],
  ], []],
  // Another one keeps what it has, too.
  [{ driver: "rtl8139" }, ["bootindex", "romfile"], ["bootindex"], [
    "bootindex",
  ], ["host_mtu"]],
  [{ driver: "rtl8139" }, ["mq", "vectors"], [], [], [
    ...["host_mtu", "bootindex"],
  ]],
];

Deno.test("planNicModify() keeps of hvinfo what the new card has", () => {
  const more = { host_mtu: 1400, bootindex: 2, mq: "on", vectors: 4 };
  const keys = Object.keys(more);
  const hvinfo = { ...nic(0, 13).hvinfo, ...more };
  for (const [changes, has, entry, plugged, dropped] of KEPT) {
    const spec = { nics: [nic(0, 13, { hvinfo })], hvparams: {} };
    const given = {
      ...nicModifyFacts(spec),
      modelHas: has && new Set(has),
    };
    const made = planOf(planNicModify(request(changes), given));
    const { change } = stepOf(made, "commit-state");
    assert(change.change === "members");
    const after = JSON.parse(change.members.hvinfo ?? "");
    const args = qmpStep(made, "device_add").arguments;
    const at = JSON.stringify(changes);
    assertEquals(keys.filter((key) => key in after), [...entry], at);
    assertEquals(keys.filter((key) => key in args), [...plugged], at);
    assertEquals([after.bus, after.id, args.id], ["pci.0", ID, ID]);
    const told = made.warnings
      .filter(({ code }) => code === "property-dropped");
    assertEquals(told.length, dropped.length === 0 ? 0 : 1);
    for (const key of dropped) {
      assertStringIncludes(told[0]?.message ?? "", key);
    }
    // The old one comes back with all that it had.
    const [back] = stepOf(made, "unplug").putBack ?? [];
    assertEquals(back?.arguments.host_mtu, 1400);
  }
});

Deno.test("planNicModify() tells of a bridge that is down", () => {
  const bridgeState = {
    link: "down",
    mac: "fe:00:00:00:00:01",
    listensSeconds: 0,
    mtu: 1500,
  } as const;
  const moved = plan({ link: "br1" }, { node: { bridgeState } });
  assertEquals(moved.warnings.map(({ code }) => code), ["bridge-down"]);
  const carrier = plan({ linkState: "down" }, { node: { bridgeState } });
  assertEquals(carrier.warnings, []);
});

Deno.test("planNicModify() sets and notes a carrier, and forgets it", () => {
  const down = plan({ linkState: "down" });
  assertEquals(stepNames(down), ["set_link", "own-record"]);
  assertEquals(qmpStep(down, "set_link").arguments, { name: ID, up: false });
  assertEquals(qmpStep(down, "set_link").undo?.arguments, {
    name: ID,
    up: true,
  });
  const up = plan({ linkState: "up" }, ownWith("down"));
  assertEquals(stepNames(up), ["set_link", "own-record"]);
  assertEquals(stepOf(up, "own-record").change.after, null);
  // QEMU does not tell how it is.
  const again = plan({ linkState: "down" }, ownWith("down"));
  assertEquals(stepNames(again), ["set_link"]);
  assert(again.steps.every(isRepeat) && !down.steps.every(isRepeat));
});

Deno.test("planNicModify() makes all of a new NIC before the old one goes", () => {
  const replug = plan({ mac: "aa:00:00:00:00:77" });
  assertEquals(stepNames(replug), [
    "stage-state",
    "open-tap",
    "attach-tap",
    "getfd",
    "unplug",
    "drop-netdev",
    "await-tap-gone",
    "nic-files",
    "netdev_add",
    "device_add",
    "verify-device",
    "commit-state",
  ]);
  const { id, addr, netdev, mac } = qmpStep(replug, "device_add").arguments;
  assertEquals([id, addr, netdev, mac], [ID, "0xd", ID, "aa:00:00:00:00:77"]);
  const [back] = stepOf(replug, "unplug").putBack ?? [];
  assertEquals(back?.arguments.mac, "aa:00:00:00:00:00");
  assertEquals(stepOf(replug, "drop-netdev").back.tap, "tap0");
  assertEquals(stepOf(replug, "nic-files").after, {
    0: { value: "tap" },
    1: "tap1",
  });
});

Deno.test("planNicModify() turns with the new device, not with the old one", () => {
  const { steps, turn: at } = plan({ mac: "aa:00:00:00:00:77" });
  const turn = steps[at ?? -1];
  assert(turn?.kind === "qmp");
  assertEquals(turn.execute, "device_add");
});

Deno.test("planNicModify() plugs anew what the guest has released since", () => {
  const qemu = { deviceIds: new Set([idOf("disk", 0), idOf("nic", 1)]) };
  const names = stepNames(plan({ link: "br1" }, { qemu }));
  assert(!names.includes("unplug"));
  assert(names.includes("device_add"));
});

Deno.test("planNicModify() keeps a carrier that is down over a replug", () => {
  const given = ownWith("down");
  const replug = plan({ mac: "aa:00:00:00:00:77" }, given);
  assertEquals(qmpStep(replug, "set_link").arguments["up"], false);
  assert(!stepNames(replug).includes("own-record"));
  const [, link] = stepOf(replug, "unplug").putBack ?? [];
  assertEquals(link?.arguments, { name: ID, up: false });
});

Deno.test("planNicModify() changes a driver with its hvinfo", () => {
  const other = plan({ driver: "rtl8139" });
  assertEquals(qmpStep(other, "device_add").arguments["driver"], "rtl8139");
  assertEquals(stepOf(other, "open-tap").vnetHdr, "off");
  const { change } = stepOf(other, "commit-state");
  assert(change.change === "members");
  assertStringIncludes(change.members["hvinfo"] ?? "", '"rtl8139"');
});

Deno.test("planNicModify() refuses what this node cannot do", () => {
  refused("refused", { link: "br1" }, { node: { bridgeExists: false } });
  refused("refused", { mode: "routed" });
  refused("unsupported", { driver: "ne2k_isa" });
  refused("refused", { driver: "rtl8139", queues: 2 });
  const macs = new Map([["aa:00:00:00:00:77", "vm9"]]);
  refused("duplicate", { mac: "aa:00:00:00:00:77" }, { node: { macs } });
  refused("duplicate", { tap: "x" }, { node: { tapExists: true } });
  refused("refused", { vhost: "on" }, { node: { vhost: false } });
  refused("refused", { mode: "bridged" }, {
    nics: [nic(0, 13, { nicparams: { mode: "none" } })],
  });
});

Deno.test("planNicModify() refuses a NIC that is on its way out", () => {
  const requestedAt = "2026-11-22T21:00:00Z";
  const pending = { id: ID, title: "NIC 0", requestedAt };
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", pending } };
  const { own: { place } } = ownWith("up");
  const record = { qemu: null, devices, more: {} };
  const given = { own: { place, qemu: null, record } };
  const error = refused("refused", { link: "br1" }, given);
  assertStringIncludes(error.message, "it is being removed");
  assertStringIncludes(
    error.hint ?? "",
    `wait for the guest, run: kvm-hotplug nic remove vm1 ${ID}`,
  );
});

Deno.test("planNicModify() describes every step and its undo", () => {
  const changes = { mac: "aa:00:00:00:00:77", linkState: "down" } as const;
  for (const step of plan(changes).steps) {
    const { step: title, qmp, host, undo } = describe(step);
    assert(title.length > 0);
    assert(qmp !== null || host !== null, title);
    const looks = ["verify-device", "await-tap-gone"].includes(step.kind);
    if (!looks) assert(undo !== null, title);
  }
});

Deno.test("applyChange() of members keeps place, order and the unknown", () => {
  const odd = nic(0, 13, { x_new: [1] });
  const before = runtime({ nics: [odd, nic(1, 14)] });
  const change: RuntimeChange = {
    change: "members",
    list: "nics",
    uuid: uuidOf("nic", 0),
    members: { mac: '"aa:00:00:00:00:77"', ip: '"192.0.2.7"' },
  };
  const after = applyChange(before.root, change);
  const [, [first]] = JSON.parse(formatRuntime(after));
  assertEquals(Object.keys(first).slice(0, 3), ["mac", "ip", "nicparams"]);
  assertEquals([first.x_new, first.ip], [[1], "192.0.2.7"]);
  const back = applyChange(after, inverse(change, before));
  assertEquals(formatRuntime(back), formatRuntime(before.root));
});

function notedOf(more: Partial<OwnDevice>) {
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", ...more } } as const;
  const place = { runDir: "/run/g", lockKey: "vm1" };
  return {
    own: { place, qemu: null, record: { qemu: null, devices, more: {} } },
  };
}

Deno.test("planNicModify() goes on with the script that joined the NIC", () => {
  const own = notedOf({ script: "/etc/join" });
  const moved = stepOf(plan({ link: "br1" }, own), "attach-tap");
  assertEquals(moved.from?.script?.path, "/etc/join");
  assertEquals(moved.to?.script?.path, "/etc/join");
  const replug = plan({ mac: "aa:00:00:00:00:77" }, own);
  const back = stepOf(replug, "drop-netdev").back.attachment;
  assertEquals(back.script?.path, "/etc/join");
  const usual = plan({ script: null }, own);
  assertEquals(stepNames(usual), ["attach-tap", "own-record"]);
  assertEquals(stepOf(usual, "own-record").change.after, null);
  const given = plan({ script: "/etc/other" });
  const after = { kind: "nic", script: "/etc/other" };
  assertEquals(stepOf(given, "own-record").change.after, after);
  refused("refused", { link: "br1" }, {
    ...own,
    node: { scriptUsable: false },
  });
});

Deno.test("planNicModify() keeps the accelerator a NIC has", () => {
  const mac = "aa:00:00:00:00:77";
  const vhosts = (given: Given, now = 0) => {
    const facts = factsOf(given);
    const held = { ...facts, now: { vnetHdr: "on" as const, vhosts: now } };
    const decision = planNicModify(request({ mac }), held);
    return stepNames(planOf(decision)).filter((one) => one === "open-vhost");
  };
  assertEquals(vhosts({}), []);
  // Only one of the two NICs has it: this one, if it was noted.
  assertEquals(vhosts({}, 1), []);
  assertEquals(vhosts(notedOf({ vhost: "on" }), 1), ["open-vhost"]);
  assertEquals(vhosts({}, 2), ["open-vhost"]);
  assertEquals(vhosts(notedOf({ vhost: "off" }), 2), []);
});

Deno.test("planNicModify() warns of what a start would make otherwise", () => {
  const [replaced, ...others] = plan({ mac: "aa:00:00:00:00:77" }).warnings;
  assertEquals([replaced?.code, others], ["nic-replaced", []]);
  assertStringIncludes(replaced?.message ?? "", "NIC 0 in the same slot");
  assertStringIncludes(replaced?.message ?? "", "the old tap was tap0");
  const codes = (changes: Parameters<typeof plan>[0]) =>
    plan(changes).warnings.map(({ code }) => code);
  assertEquals(codes({ mtu: 1300 }), ["nic-replaced", "until-stop"]);
  assertEquals(codes({ mtu: 1300, driver: "rtl8139" }), [
    ...["nic-replaced", "not-migratable", "guest-not-told"],
  ]);
  assertEquals(codes({ link: "br1" }), []);
  const { warnings } = plan({ queues: 2 });
  assertStringIncludes(saidIn(warnings), "it would use queues of the hvparams");
});

Deno.test("planNicModify() records a network whole, and forgets it", () => {
  const netinfo = '{"name": "net1", "uuid": "u"}';
  const into = plan({ network: "u", netinfo, link: "br1" });
  const { change } = stepOf(into, "commit-state");
  assert(change.change === "members");
  assertEquals([change.members["network"], change.members["netinfo"]], [
    '"u"',
    netinfo,
  ]);
  const { runtime: before } = factsOf().content;
  const after = formatRuntime(applyChange(before.root, change));
  const [nic] = JSON.parse(after)[1];
  assertEquals(Object.keys(nic), [
    ...["mac", "network", "nicparams", "netinfo", "hvinfo", "uuid"],
  ]);
  const back = applyChange(applyChange(before.root, change), {
    ...change,
    members: { ...change.members, network: null, netinfo: null },
  });
  assert(!formatRuntime(back).includes("netinfo"));
});

Deno.test("planNicModify() plugs no NIC anew whose tap is not visible", () => {
  const netdevs = new Map([[ID, { tap: undefined, queues: 1, nic: ID }]]);
  const changes = { mac: "aa:00:00:00:00:77" };
  const error = refused("unsupported", changes, { qemu: { netdevs } });
  assertStringIncludes(error.message, "tap is not visible");
});

Deno.test("planNicModify() of a NIC that goes says what waits for it", () => {
  const requestedAt = "2024-01-01T00:00:00Z";
  const pending = { id: ID, requestedAt, title: "NIC 0" };
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", pending } } as const;
  const { own } = ownWith("up");
  const record = { ...own.record, devices };
  const { hint } = refused("refused", { link: "br0" }, {
    own: { ...own, record },
  });
  assertEquals(
    hint,
    `to wait for the guest, run: kvm-hotplug nic remove vm1 ${ID}`,
  );
});
