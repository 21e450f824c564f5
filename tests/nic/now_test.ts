import { assertEquals, assertStringIncludes } from "@std/assert";
import { planNicAdd } from "../../lib/nic/add.ts";
import {
  idOf,
  NEW_UUID,
  nic,
  nicAdd,
  nicAddFacts,
  planRefusal,
  uuidOf,
} from "../support/facts.ts";

type Given = Parameters<typeof nicAddFacts>[0];
type Asked = Parameters<typeof nicAdd>[0];

const MAC = { value: "aa:00:00:00:00:00", origin: "given" } as const;
const UUID = { value: uuidOf("nic", 0), origin: "given" } as const;
const NOTE = { kind: "nic", linkState: "down", script: "/srv/up" };

function given(more: Given = {}) {
  const now = { vnetHdr: "on", vhosts: 0 } as const;
  const id = idOf("nic", 0);
  const devices = { [UUID.value]: NOTE };
  return nicAddFacts({
    nics: [nic(0, 13, {
      name: "front",
      ip: "192.0.2.7",
      network: NEW_UUID,
      nicparams: { mode: "bridged", link: "br0", vlan: ".5" },
    })],
    qemu: { netdevs: new Map([[id, { tap: "tap0", queues: 2, nic: id }]]) },
    own: {
      place: { runDir: "/run/g", lockKey: "vm1" },
      qemu: null,
      record: { qemu: null, devices, more: {} },
    },
    node: { now },
    ...more,
  });
}

/** By its uuid, nothing else given. */
function asked(more: Asked) {
  const { mode: _, link: __, ...plain } = nicAdd();
  return { ...plain, uuid: UUID, ...more };
}

function decide(request: Asked, more?: Given) {
  return planNicAdd(asked(request), given(more)).steps;
}

function differs(request: Asked, more?: Given): string {
  const add = (facts: ReturnType<typeof given>) =>
    planNicAdd(asked(request), facts);
  const error = planRefusal("duplicate", given(more), add);
  const isFixed = /--(?:uuid|slot|bus|id-scheme) is /.test(error.message);
  const verb = isFixed ? "remove" : "modify";
  assertStringIncludes(error.hint ?? "", `nic ${verb} vm1 ${idOf("nic", 0)}`);
  assertEquals(error.device?.kind, "nic");
  return error.message.split(", but differs: ")[1] ?? "";
}

Deno.test("planNicAdd() changes nothing where all is as it was given", () => {
  const requests: Asked[] = [
    {},
    { mac: MAC },
    { uuid: { value: NEW_UUID, origin: "made" }, mac: MAC },
    { mode: "bridged", link: "br0", vlan: "5", ip: "192.0.2.7" },
    { network: NEW_UUID, name: "front", driver: "paravirtual" },
    { queues: 2, vhost: "off", vnetHdr: "on", tap: "tap0" },
    { script: "/srv/up", linkState: "down" },
    { slot: 13, bus: "pci.0", idScheme: "ganeti" },
  ];
  for (const request of requests) {
    assertEquals(decide(request), [], JSON.stringify(request));
  }
});

Deno.test("planNicAdd() names each option that differs, and what is there", () => {
  const uuid = { value: NEW_UUID, origin: "given" } as const;
  const mac = { value: "aa:00:00:00:00:09", origin: "given" } as const;
  const cases: [Asked, string][] = [
    [{ mac }, `--mac is ${MAC.value} (asked: ${mac.value})`],
    [
      { uuid, mac: MAC },
      `--uuid is ${UUID.value} (asked: ${NEW_UUID})`,
    ],
    [{ mode: "routed" }, "--mode is bridged (asked: routed)"],
    [{ mode: "none" }, "--mode is bridged (asked: none)"],
    [{ link: "br1" }, "--link is br0 (asked: br1)"],
    [{ vlan: "6" }, "--vlan is .5 (asked: 6)"],
    [{ ip: "192.0.2.8" }, "--ip is 192.0.2.7 (asked: 192.0.2.8)"],
    [
      { network: UUID.value },
      `--network is ${NEW_UUID} (asked: ${UUID.value})`,
    ],
    [{ driver: "e1000" }, "--driver is virtio-net-pci (asked: e1000)"],
    [{ queues: 1 }, "--queues is 2 (asked: 1)"],
    [{ vhost: "on" }, "--vhost is off (asked: on)"],
    [{ vnetHdr: "off" }, "--no-vnet-hdr is no (asked: yes)"],
    [{ tap: "tap7" }, "--tap is tap0 (asked: tap7)"],
    [{ script: "/srv/other" }, "--script is /srv/up (asked: /srv/other)"],
    [{ linkState: "up" }, "--link-state is down (asked: up)"],
    [{ slot: 5 }, "--slot is 13 (asked: 5)"],
    [{ name: "back" }, "--name is front (asked: back)"],
    [
      { link: "br1", queues: 1, slot: 5 },
      "--link is br0 (asked: br1), --queues is 2 (asked: 1), --slot is 13 (asked: 5)",
    ],
  ];
  for (const [request, message] of cases) {
    assertEquals(differs(request), message);
  }
});
