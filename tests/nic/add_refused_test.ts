import { assertEquals, assertStringIncludes } from "@std/assert";

import { planNicAdd } from "../../lib/nic/add.ts";

import {
  disk,
  nic,
  nicAdd,
  nicAddFacts,
  planOf,
  planRefusal,
  uuidOf,
} from "../support/facts.ts";

const NEW_ID = "nic-932df160-7a22-4067";
const ONE_NIC = { disks: [disk(0, 12)], nics: [nic(0, 13)] };

function plan(
  request: Parameters<typeof nicAdd>[0] = {},
  given: Parameters<typeof nicAddFacts>[0] = ONE_NIC,
) {
  return planOf(planNicAdd(nicAdd(request), nicAddFacts(given)));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  request: Parameters<typeof nicAdd>[0],
  given: Parameters<typeof nicAddFacts>[0] = ONE_NIC,
) {
  return planRefusal(
    code,
    nicAddFacts(given),
    (one) => planNicAdd(nicAdd(request), one),
  );
}

Deno.test("planNicAdd() refuses a uuid that another device has", () => {
  const nicUuid = { value: uuidOf("nic", 0), origin: "given" } as const;
  const mac = { value: "aa:00:00:00:00:77", origin: "given" } as const;
  refused("duplicate", { uuid: nicUuid, mac });
  const diskUuid = { value: uuidOf("disk", 0), origin: "given" } as const;
  refused("duplicate", { uuid: diskUuid });
});

Deno.test("planNicAdd() refuses a recorded NIC that QEMU does not have", () => {
  const uuid = { value: uuidOf("nic", 0), origin: "given" } as const;
  const qemu = { deviceIds: new Set<string>() };
  const error = refused("duplicate", { uuid }, { ...ONE_NIC, qemu });
  assertEquals(error.hint, "kvm-hotplug repair vm1");
});

Deno.test("planNicAdd() refuses a MAC of this node's instances", () => {
  const macs = new Map([["aa:00:00:12:34:56", "vm9"]]);
  const error = refused("duplicate", {}, { node: { macs } });
  assertStringIncludes(error.message, "vm9");
});

Deno.test("planNicAdd() refuses an id QEMU has already", () => {
  const netdevs = new Map([[NEW_ID, { tap: "tap7", queues: 1 }]]);
  const error = refused("leftover", {}, { qemu: { netdevs } });
  assertStringIncludes(error.message, "network backend");
});

Deno.test("planNicAdd() refuses what this node cannot do", () => {
  refused("refused", {}, { node: { tun: false } });
  refused("refused", { vhost: "on" }, { node: { vhost: false } });
  refused("duplicate", { tap: "tap0" }, { node: { tapExists: true } });
  const bridges = ["br0", "br1"];
  const lacks = { node: { bridgeExists: false, bridges } };
  assertStringIncludes(refused("refused", {}, lacks).message, "br0, br1");
  refused("refused", { script: "/no" }, { node: { scriptUsable: false } });
  refused("refused", { vlan: "7" }, { node: { vlanFiltering: false } });
  refused("refused", { vlan: "4095" });
  refused("refused", { mode: "routed" });
  const ovs = { mode: "openvswitch" } as const;
  refused("refused", ovs, { node: { ovs: "missing" } });
  refused("unsupported", ovs, { node: { ovs: "no-tool" } });
  refused("refused", { driver: "rtl8139", queues: 2 });
  refused("unsupported", { driver: "e1000" });
  refused("unsupported", {}, { hvparams: { nic_type: "e1000" } });
  refused("no-free-slot", { slot: 13 });
});

Deno.test("planNicAdd() says who asked for a vhost that is not there", () => {
  const given = { hvparams: { vhost_net: true }, node: { vhost: false } };
  const error = refused("refused", {}, given);
  assertStringIncludes(error.message, "vhost_net");
  assertStringIncludes(error.hint ?? "", "--no-vhost");
  plan({ vhost: "off" }, given);
});

Deno.test("planNicAdd() refuses a name another NIC has", () => {
  const nics = [nic(0, 13, { name: "eth1" })];
  const error = refused("duplicate", { name: "eth1" }, { nics });
  assertStringIncludes(error.message, "NIC 0");
  plan({ name: "eth2" }, { nics });
});
