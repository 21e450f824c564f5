import { assertEquals } from "@std/assert";
import {
  allFdNames,
  fdNames,
  MAX_NIC_QUEUES,
  netdevArguments,
  type NicDevice,
  nicDeviceArguments,
} from "../../lib/device/nic.ts";
import { nicEntry } from "../../lib/device/entry.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { assert, NEW_UUID } from "../support/facts.ts";

const ID = "nic-932df160-7a22-4067";

function device(more: Partial<NicDevice> = {}): NicDevice {
  return {
    id: ID,
    uuid: NEW_UUID,
    place: { bus: "pci.0", slot: 16 },
    driver: "virtio-net-pci",
    mac: "aa:00:00:12:34:56",
    mode: "bridged",
    link: "br0",
    queues: 1,
    vhost: "off",
    vnetHdr: "on",
    linkState: "up",
    ...more,
  };
}

Deno.test("fdNames() has one per queue, the same for every NIC", () => {
  assertEquals(fdNames({ queues: 2, vhost: "on" }), {
    tap: ["kvm-hotplug-0", "kvm-hotplug-1"],
    vhost: ["kvm-hotplug-vhost-0", "kvm-hotplug-vhost-1"],
  });
  assertEquals(fdNames({ queues: 1, vhost: "off" }), {
    tap: ["kvm-hotplug-0"],
    vhost: [],
  });
});

Deno.test("allFdNames() never begin with a digit", () => {
  const names = allFdNames();
  assertEquals(new Set(names).size, 2 * MAX_NIC_QUEUES);
  for (const name of names) assert(/^[a-z]/.test(name), name);
});

Deno.test("netdevArguments() name the fds and type vhost", () => {
  assertEquals(netdevArguments(device()), {
    type: "tap",
    id: ID,
    fds: "kvm-hotplug-0",
  });
  assertEquals(netdevArguments(device({ queues: 2, vhost: "on" })), {
    type: "tap",
    id: ID,
    fds: "kvm-hotplug-0:kvm-hotplug-1",
    vhost: true,
    vhostfds: "kvm-hotplug-vhost-0:kvm-hotplug-vhost-1",
  });
});

Deno.test("nicDeviceArguments() are typed", () => {
  const plain = {
    driver: "virtio-net-pci",
    id: ID,
    bus: "pci.0",
    addr: "0x10",
    netdev: ID,
    mac: "aa:00:00:12:34:56",
  };
  const where = { address: { bus: "pci.0", addr: "0x10" } };
  const usual = { ...where, rom: "default" } as const;
  assertEquals(nicDeviceArguments(device(), usual), plain);
  assertEquals(nicDeviceArguments(device({ queues: 4 }), usual), {
    ...plain,
    mq: true,
    vectors: 10,
  });
  assertEquals(nicDeviceArguments(device(), { ...where, rom: "none" }), {
    ...plain,
    romfile: "",
  });
});

Deno.test("nicEntry() is Ganeti's object, keys in Ganeti's order", () => {
  const all = {
    name: "eth1",
    ip: "192.0.2.7",
    network: "6f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c11",
    vlan: ".100",
  };
  assertEquals(
    nicEntry(device(all)),
    '{"name": "eth1", "mac": "aa:00:00:12:34:56", "ip": "192.0.2.7", ' +
      '"network": "6f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c11", ' +
      '"nicparams": {"mode": "bridged", "link": "br0", "vlan": ".100"}, ' +
      '"hvinfo": {"driver": "virtio-net-pci", "id": "' + ID + '", ' +
      '"bus": "pci.0", "addr": "0x10"}, ' +
      `"uuid": "${NEW_UUID}"}`,
  );
});

Deno.test("nicEntry() leaves out what was not given", () => {
  const entry = nicEntry(device());
  assertEquals(Object.keys(JSON.parse(entry)), [
    "mac",
    "nicparams",
    "hvinfo",
    "uuid",
  ]);
  const read = parseRuntime(`[[], [${entry}], {}, []]`, "x").nics[0];
  assertEquals(
    [read?.uuid, read?.mac, read?.mode, read?.link, read?.hvinfo.slot],
    [NEW_UUID, "aa:00:00:12:34:56", "bridged", "br0", 16],
  );
});
