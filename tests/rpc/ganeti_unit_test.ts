/**
 * What Ganeti's own unit tests of hotplug expect, as facts: those of its bus
 * manager, device ids, hvinfo, runtime fixtures, notation and URIs (head of
 * April 2026), and the next release's of q35. Where we differ, the row says
 * why.
 */
import { assertEquals } from "@std/assert";
import { chooseSlot } from "../../lib/device/choose_slot.ts";
import { findDriver, isScsi } from "../../lib/device/disk_driver.ts";
import { deviceId } from "../../lib/device/device_id.ts";
import { hvinfoOf, recordedArguments } from "../../lib/device/hvinfo.ts";
import { optionText } from "../../lib/state/option_text.ts";
import { busBehind, rootBus } from "../../lib/device/pci_bus.ts";
import { chooseTarget } from "../../lib/device/scsi_target.ts";
import { findDevice } from "../../lib/device/select.ts";
import { uriNode } from "../../lib/device/storage_uri.ts";
import {
  type DeviceEntry,
  formatRuntime,
  parseRuntime,
} from "../../lib/state/runtime.ts";
import { upgradeRuntime } from "../../lib/state/upgrade.ts";
import {
  disk,
  idOf,
  pciDevice,
  present,
  refusal,
  runtime,
  sample,
  sampleNames,
  uuidOf,
} from "../support/facts.ts";

/** Entries at these slots of pci.0. */
function inSlots(slots: readonly number[]) {
  return runtime({ disks: slots.map((slot, i) => disk(i, slot)) }).disks;
}

/** test_bus_manager, TestPCIAllocator: reserved 12 of 32; taken, the next. */
const PCI: readonly [taken: number[], next: number][] = [
  [[], 12],
  [[12], 13],
  [[12, 13], 14],
  // The first of two was released.
  [[13], 12],
  [[0xc, 0xd, 0xf], 14],
  [[0xc, 0xd, 0xe, 0xf], 16],
];

Deno.test("Ganeti's PCI allocator and ours choose the same slots", () => {
  const buses = [rootBus("pc-i440fx-7.2")];
  for (const [taken, next] of PCI) {
    const recorded = inSlots(taken);
    const facts = { recorded, live: [], reservations: 12, buses };
    for (const kind of ["disk", "nic"] as const) {
      const { bus, slot } = chooseSlot(facts, kind);
      assertEquals([bus, slot], ["pci.0", next], `${taken}`);
    }
    // Ours also looks at QEMU, which Ganeti does not (SPEC 10.1, item 10).
    const live = [pciDevice(next)];
    const { slot } = chooseSlot({ ...facts, live }, "disk");
    assertEquals(slot > next, true);
  }
});

/** test_bus_manager, TestSCSIAllocator: 16 targets. */
const SCSI: readonly [taken: number[], next: number][] = [
  [[], 0],
  [[0], 1],
  [[0, 1], 2],
  [[0, 1, 3], 2],
  [[0, 1, 2, 3], 4],
];

Deno.test("Ganeti's SCSI allocator and ours choose the same targets", () => {
  const buses = [{
    ...{ name: "scsi.0", controller: "virtio-scsi-pci", id: "scsi" },
    children: [],
  }];
  for (const [taken, next] of SCSI) {
    const disks = taken.map((target, i) =>
      disk(i, 0, {
        hvinfo: {
          ...{ driver: "scsi-block", id: `disk-${i}`, bus: "scsi.0" },
          ...{ channel: 0, "scsi-id": target, lun: 0 },
        },
      })
    );
    const facts = { recorded: runtime({ disks }).disks, buses };
    const place = { bus: "scsi.0", channel: 0, scsiId: next, lun: 0 };
    assertEquals(chooseTarget(facts, {}), place, `${taken}`);
  }
});

/** TestBusAllocatorManager: which bus a kind and its driver come to. */
const BUSES: readonly ["disk" | "nic", word: string, "pci" | "scsi"][] = [
  ["nic", "paravirtual", "pci"],
  ["nic", "e1000", "pci"],
  ["disk", "paravirtual", "pci"],
  ["disk", "scsi-block", "scsi"],
  ["disk", "scsi-generic", "scsi"],
  ["disk", "scsi-hd", "scsi"],
  ["disk", "scsi-cd", "scsi"],
];

Deno.test("Ganeti's bus of each driver is ours", () => {
  for (const [kind, word, bus] of BUSES) {
    const driver = kind === "disk" ? findDriver(word) : undefined;
    const isOnScsi = driver !== undefined && isScsi(driver);
    assertEquals(isOnScsi ? "scsi" : "pci", bus, word);
  }
});

Deno.test("Ganeti's hvinfo of the first devices is ours", () => {
  // TestGenerateDeviceKVMId
  const uuid = "003fc157-66a8-4e6d-8b7e-ec4f69751396";
  const id = deviceId("ganeti", "nic", { uuid, slot: 12 });
  assertEquals(id, "nic-003fc157-66a8-4e6d");
  // TestGenerateDeviceHVInfo, the order of the keys too
  const pci = hvinfoOf({
    driver: "virtio-net-pci",
    id: "nic-9e7c85f6-b6e5-4243",
    place: { bus: "pci.0", slot: 12 },
  });
  assertEquals(
    JSON.stringify(pci),
    '{"driver":"virtio-net-pci","id":"nic-9e7c85f6-b6e5-4243","bus":"pci.0","addr":"0xc"}',
  );
  const scsi = hvinfoOf({
    driver: "scsi-block",
    id: "disk-932df160-7a22-4067",
    place: { bus: "scsi.0", channel: 0, scsiId: 0, lun: 0 },
  });
  assertEquals(
    JSON.stringify(scsi),
    '{"driver":"scsi-block","id":"disk-932df160-7a22-4067","bus":"scsi.0","channel":0,"scsi-id":0,"lun":0}',
  );
});

Deno.test("Ganeti's fixture is found by uuid, as by Ganeti", () => {
  // TestGetRuntimeInfo: what it asks of test/data/kvm_runtime.json.
  const entry = (driver: string, uuid: string, addr: string) => ({
    hvinfo: { driver, id: uuid.slice(0, 23), bus: "pci.0", addr },
    uuid,
  });
  const [nicUuid, diskUuid] = [
    "003fc157-66a8-4e6d-8b7e-ec4f69751396",
    "9f5c5bd4-6f60-480b-acdc-9bb1a4b7df79",
  ];
  const first = "7c079136-2573-4112-82d0-0d3d2aa90d8f";
  const { nics, disks } = runtime({
    nics: [entry("virtio-net-pci", nicUuid, "0x8")],
    disks: [[first, "0x9"], [diskUuid, "0xa"]].map(([uuid = "", addr = ""]) => [
      { dev_type: "lvm", ...entry("virtio-blk-pci", uuid, addr) },
      null,
      null,
    ]),
  });
  const nic = present(findDevice(nics, nicUuid));
  assertEquals(recordedArguments(nic), { bus: "pci.0", addr: "0x8" });
  const found = present(findDevice(disks, diskUuid));
  assertEquals(recordedArguments(found), { bus: "pci.0", addr: "0xa" });
  // Ganeti raises HotplugError for all actions. We do so but for a removal of
  // what QEMU, too, does not have: that is done already.
  const unknown = "aaaaaaaa-66a8-4e6d-8b7e-ec4f69751396";
  assertEquals(findDevice(nics, unknown), undefined);
  assertEquals(findDevice(disks, unknown), undefined);
});

Deno.test("what Ganeti's KVMRuntime keeps of a file, ours keeps to the letter", () => {
  // test_kvm_runtime asks for kvm_cmd, hvparams and uuids. The files are
  // Ganeti's own: 3.0.2 and older ones are upgraded first.
  const current = sampleNames().filter((one) => /^(05|07|08|10)-/.test(one));
  assertEquals(current.length, 4);
  for (const name of current) {
    const text = sample(name);
    const { root } = parseRuntime(text, name);
    assertEquals(formatRuntime(upgradeRuntime(root)), text, name);
  }
});

Deno.test("a file like those of test_kvm_runtime is kept, and its slots are taken", () => {
  // A disk of DRBD with its parts, and a NIC with its network; times have
  // seven digits behind the point.
  const time = (n: number) => `17211126${n}.1474214`;
  const part = (name: string, n: number) =>
    `{"dev_type": "plain", "logical_id": ["xenvg", "${name}"], "children": [], "nodes": ["n1", "n2"], "iv_name": "", "size": 128, "mode": "rw", "params": {"stripes": 1}, "serial_no": 1, "uuid": "${
      uuidOf("disk", n)
    }", "ctime": ${time(n)}, "mtime": ${time(n)}}`;
  const hvinfo = (driver: string, id: string, addr: string) =>
    `{"driver": "${driver}", "id": "${id}", "bus": "pci.0", "addr": "${addr}"}`;
  const drbd =
    `{"dev_type": "drbd", "logical_id": ["n1", "n2", 11004, 0, 1, null], "children": [${
      part("data", 51)
    }, ${
      part("meta", 52)
    }], "nodes": ["n1", "n2"], "iv_name": "disk/0", "size": 10240, "mode": "rw", "params": {"c-max-rate": 100000, "disk-custom": "--c-plan-ahead 0", "dynamic-resync": false}, "hvinfo": ${
      hvinfo("virtio-blk-pci", idOf("disk", 0), "0xc")
    }, "serial_no": 1, "uuid": "${uuidOf("disk", 0)}", "ctime": ${
      time(53)
    }, "mtime": ${time(53)}}`;
  const card =
    `{"mac": "aa:00:00:00:00:01", "ip": "198.51.100.18", "network": "${
      uuidOf("nic", 9)
    }", "nicparams": {"link": "br0", "mode": "bridged", "vlan": ""}, "netinfo": {"name": "net_42", "serial_no": 2, "network": "198.51.100.0/24", "reservations": "00001", "ext_reservations": "11110", "ctime": ${
      time(54)
    }, "uuid": "${uuidOf("nic", 9)}", "tags": []}, "hvinfo": ${
      hvinfo("virtio-net-pci", idOf("nic", 0), "0xd")
    }, "uuid": "${uuidOf("nic", 0)}"}`;
  const text =
    `[["/usr/bin/kvm", "dummy"], [${card}], {"acpi": true, "boot_order": "disk"}, [[${drbd}, "/var/run/ganeti/instance-disks/vm1:0", null]]]\n`;
  const file = parseRuntime(text, "fixture");
  assertEquals(formatRuntime(upgradeRuntime(file.root)), text);
  const { disks, nics } = file;
  for (const [all, kind] of [[disks, "disk"], [nics, "nic"]] as const) {
    const found = present(findDevice<DeviceEntry>(all, uuidOf(kind, 0)));
    assertEquals(found.hvinfo.id, idOf(kind, 0));
  }
  const buses = [rootBus("pc-i440fx-7.2")];
  const facts = { recorded: [...disks, ...nics], live: [], buses };
  const { slot } = chooseSlot({ ...facts, reservations: 12 }, "nic");
  assertEquals(slot, 14);
});

/** TestDictToQemuStringNotation. */
const NOTATION: readonly [Record<string, unknown>, string][] = [
  [
    { driver: "rbd", pool: "ganeti", image: "32eb97b3.rbd.disk0" },
    "file.driver=rbd,file.pool=ganeti,file.image=32eb97b3.rbd.disk0",
  ],
  [
    { driver: "host_device", filename: "/path/to/disk", aio: "native" },
    "file.driver=host_device,file.filename=/path/to/disk,file.aio=native",
  ],
];

Deno.test("Ganeti's notation of a block device is ours", () => {
  for (const [file, text] of NOTATION) {
    const node = {
      ...{ driver: "raw", "node-name": "disk-1", discard: "ignore" },
      cache: { direct: true, "no-flush": false },
      file,
      "auto-read-only": false,
    };
    assertEquals(
      optionText(node),
      `driver=raw,node-name=disk-1,discard=ignore,cache.direct=on,cache.no-flush=off,${text},auto-read-only=off`,
    );
  }
});

Deno.test("Ganeti's reading of storage URIs is ours", () => {
  // TestParseStorageUriToBlockdevParam
  assertEquals(uriNode("rbd:cephpool/image-1234-xyz"), {
    driver: "rbd",
    pool: "cephpool",
    image: "image-1234-xyz",
  });
  assertEquals(uriNode("gluster://server:1234/gluster-volume/path"), {
    driver: "gluster",
    server: [{ type: "inet", host: "server", port: "1234" }],
    volume: "gluster-volume",
    path: "path",
  });
  refusal("unsupported", () => uriNode("gopher://storage/file"));
});

/** The next release's q35: 24 root ports, 3 to 26. */
const Q35 = rootBus("pc-q35-7.2");
const PORTS = Array.from({ length: 24 }, (_, i) => {
  const port = i + 3;
  return busBehind(pciDevice(port, { id: `rp${port}`, secondary: 1 }), {
    properties: {
      ...{ hotplug: true, handler: "/machine/unattached/device[2]" },
      ...{ selector: 2, acpi: "on", port, devices: "none" },
    },
    root: Q35,
  });
});

Deno.test("the next Ganeti's ports of q35 are taken in its order", () => {
  const pools = [
    { kind: "nic", first: 3, count: 8 },
    { kind: "disk", first: 11, count: 16 },
  ] as const;
  for (const { kind, first, count } of pools) {
    const live: ReturnType<typeof pciDevice>[] = [];
    const next = () => {
      const buses = [Q35, ...PORTS];
      const facts = { recorded: [], live, reservations: 12, buses };
      return chooseSlot(facts, kind);
    };
    for (let i = 0; i < count; i++) {
      const { bus, slot, acpiIndex } = next();
      const index = kind === "nic" ? i + 1 : undefined;
      assertEquals([bus, slot, acpiIndex], [`rp${first + i}`, 0, index]);
      live.push(pciDevice(0, { bus: 1, behind: bus, id: `${kind}${i}` }));
    }
    // The pools never mix: a ninth NIC finds no place.
    refusal("no-free-slot", next);
  }
});

/** Taken ports, and the next: a port that was given back is taken first. */
const REUSED: readonly [
  kind: "disk" | "nic",
  taken: number[],
  port: number,
  acpiIndex: number | undefined,
][] = [
  ["nic", [], 3, 1],
  ["nic", [4, 5], 3, 1],
  // It inherits the name that goes with the port.
  ["nic", [3, 5, 6], 4, 2],
  ["nic", [3, 4, 5, 6, 7, 8, 9], 10, 8],
  ["disk", [], 11, undefined],
  ["disk", [11, 13], 12, undefined],
  ["disk", [3, 4, 5], 11, undefined],
];

Deno.test("a port of q35 that was given back is taken again, by file and by QEMU", () => {
  const buses = [Q35, ...PORTS];
  for (const [kind, taken, port, acpiIndex] of REUSED) {
    const place = { bus: `rp${port}`, slot: 0, acpiIndex };
    const live = taken.map((one) =>
      pciDevice(0, { bus: 1, behind: `rp${one}`, id: `x${one}` })
    );
    const hvinfo = (one: number) => ({
      ...{ driver: "virtio-blk-pci", id: `disk-${one}` },
      ...{ bus: `rp${one}`, addr: "0x0" },
    });
    const disks = taken.map((one, i) => disk(i, 0, { hvinfo: hvinfo(one) }));
    const recorded = runtime({ disks }).disks;
    for (const known of [{ live, recorded: [] }, { live: [], recorded }]) {
      const facts = { ...known, reservations: 12, buses };
      const { bus, slot, acpiIndex } = chooseSlot(facts, kind);
      assertEquals({ bus, slot, acpiIndex }, place, `${kind} ${taken}`);
    }
  }
});
