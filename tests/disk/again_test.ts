import { assertEquals, assertStringIncludes } from "@std/assert";
import type { PciBus } from "../../lib/device/pci_bus.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import {
  backend,
  disk,
  diskAdd,
  diskAddFacts,
  idOf,
  NEW_UUID,
  nic,
  pciDevice,
  planRefusal,
  uuidOf,
} from "../support/facts.ts";

const SOURCE = { path: "/srv/d0.img", identity: "inode of /srv/d0.img" };
type Given = Parameters<typeof diskAddFacts>[0];
type Asked = Parameters<typeof diskAdd>[0];

function given(more: Given = {}) {
  return diskAddFacts({
    disks: [disk(0, 12, { name: "data" })],
    nics: [nic(0, 13)],
    source: SOURCE,
    qemu: { block: [backend(0)] },
    there: {
      properties: { queues: 2, iothread: "/objects/io0" },
      writeCache: "on",
    },
    ...more,
  });
}

function decide(request: Asked, more?: Given) {
  const whole = diskAdd({ source: SOURCE.path, ...request });
  return planDiskAdd(whole, given(more)).steps;
}

function differs(request: Asked, more?: Given): string {
  const whole = diskAdd({ source: SOURCE.path, ...request });
  const error = planRefusal(
    "duplicate",
    given(more),
    (facts) => planDiskAdd(whole, facts),
  );
  // No other option can be changed while the disk is in use.
  const isLive = /differs: --(?:iops|limit-group) is [^,]*$/.test(
    error.message,
  );
  const verb = isLive ? "set" : "remove";
  assertStringIncludes(error.hint ?? "", `disk ${verb} vm1 ${idOf("disk", 0)}`);
  assertEquals(error.device?.id, idOf("disk", 0));
  const [start = "", list = ""] = error.message.split(", but differs: ");
  assertEquals(start, `disk 0 "data" (${idOf("disk", 0)}) already exists`);
  return list;
}

const OWN = { value: uuidOf("disk", 0), origin: "given" } as const;

Deno.test("planDiskAdd() changes nothing where all is as it was given", () => {
  const requests: Asked[] = [
    {},
    { uuid: OWN, name: "data", format: "raw", via: "fdset", slot: 12 },
    { bus: "pci.0", idScheme: "ganeti", driver: "paravirtual" },
    { settings: { cache: "none", aio: "threads", discard: "ignore" } },
    {
      settings: { access: "rw" },
      properties: { queues: 2, iothread: "io0" },
    },
    // Permissions and what comes along are no properties of the disk.
    { migratable: "not-needed", allowBacking: "/srv", controller: "lsi" },
    { limits: { iops: 0, "iops-max-length": 1 } },
  ];
  for (const request of requests) {
    assertEquals(decide(request), [], JSON.stringify(request));
  }
});

Deno.test("planDiskAdd() takes --serial uuid for the uuid of the disk there", () => {
  const serial = uuidOf("disk", 0).slice(0, 20);
  const there = { properties: { serial } };
  const properties = { serial: "uuid" };
  assertEquals(decide({ properties }, { there }), []);
  assertEquals(decide({ properties, uuid: OWN }, { there }), []);
  const other = { there: { properties: { serial: "S1" } } };
  assertEquals(
    differs({ properties }, other),
    `--serial is S1 (asked: ${serial})`,
  );
});

Deno.test("planDiskAdd() names each option that differs, and what is there", () => {
  const uuid = { value: NEW_UUID, origin: "given" } as const;
  const cases: [Asked, string][] = [
    [{ uuid }, `--uuid is ${uuidOf("disk", 0)} (asked: ${NEW_UUID})`],
    [{ name: "b" }, "--name is data (asked: b)"],
    [{ driver: "scsi-hd" }, "--driver is virtio-blk-pci (asked: scsi-hd)"],
    [{ format: "qcow2" }, "--format is raw (asked: qcow2)"],
    [{ via: "path" }, "--via is fdset (asked: path)"],
    [{ slot: 5 }, "--slot is 12 (asked: 5)"],
    [{ bus: "pci.1" }, "--bus is pci.0 (asked: pci.1)"],
    [{ idScheme: "design" }, "--id-scheme is ganeti (asked: design)"],
    [{ properties: { iothread: "io1" } }, "--iothread is io0 (asked: io1)"],
    [{ settings: { access: "ro" } }, "--read-only is no (asked: yes)"],
    [{ properties: { queues: 4 } }, "--queues is 2 (asked: 4)"],
    [{ settings: { aio: "native" } }, "--aio is threads (asked: native)"],
    [{ settings: { discard: "unmap" } }, "--discard is ignore (asked: unmap)"],
    [
      { settings: { cache: "writeback" } },
      "--cache is none (asked: writeback)",
    ],
    [{ limits: { iops: 100 } }, "--iops is none (asked: 100)"],
    // Only disks of other drivers have these.
    [
      { properties: { wwn: "0x1", "rotation-rate": 7200 } },
      "--wwn is none (asked: 0x1), --rotation-rate is none (asked: 7200)",
    ],
    [{ limitGroup: "g" }, "--limit-group is none (asked: g)"],
    [
      { name: "b", format: "qcow2", limits: { bps: 5 } },
      "--format is raw (asked: qcow2), --bps is none (asked: 5), --name is data (asked: b)",
    ],
  ];
  for (const [request, message] of cases) {
    assertEquals(differs(request), message);
  }
});

Deno.test("planDiskAdd() finds a disk by its uuid, too, and another source", () => {
  const source = { path: "/srv/new.img", identity: "another" };
  const asked = { uuid: OWN, source: "/srv/new.img" };
  assertEquals(
    differs(asked, { source }),
    "SOURCE is /srv/d0.img (asked: /srv/new.img)",
  );
  const there = { movedTo: "/srv/over.qcow2 (qcow2)" };
  assertEquals(
    differs({}, { there }),
    "SOURCE is /srv/over.qcow2 (qcow2) (asked: /srv/d0.img)",
  );
});

Deno.test("planDiskAdd() calls nothing the same that QEMU does not tell", () => {
  const unknown = { qemu: { block: [] }, there: {} };
  const asked = {
    settings: { cache: "none", access: "ro" },
    properties: { queues: 1 },
  } as const;
  assertEquals(
    differs(asked, unknown),
    "--cache is not known (asked: none), --read-only is not known (asked: yes), --queues is not known (asked: 1)",
  );
});

Deno.test("planDiskAdd() compares cache settings by what they mean", () => {
  const cached = {
    qemu: {
      block: [backend(0, { cache: { direct: false, writeback: true } })],
    },
  };
  const cache = (word: string) => ({ settings: { cache: word } });
  for (const word of ["default", "writeback"]) {
    assertEquals(decide(cache(word), cached), []);
  }
  assertEquals(
    differs(cache("writethrough"), cached),
    "--cache is writeback (asked: writethrough)",
  );
  const through = { ...cached, there: { writeCache: "off" } };
  assertEquals(decide(cache("writethrough"), through), []);
  // Where the guest decides, nothing tells how it was asked for.
  const auto = { ...cached, there: { writeCache: "auto" } };
  assertEquals(decide(cache("writethrough"), auto), []);
  // Shared storage is cached nowhere, whatever the word.
  const shared = {
    disks: [disk(0, 12, { name: "data", dev_type: "blockdev" })],
  };
  assertEquals(decide(cache("writeback"), shared), []);
});

Deno.test("planDiskAdd() goes by what is noted of what QEMU does not tell", () => {
  const note = { kind: "disk", aio: "native", discard: "unmap" };
  const devices = { [uuidOf("disk", 0)]: note };
  const own = {
    place: { runDir: "/run/g", lockKey: "vm1" },
    qemu: null,
    record: { qemu: null, devices, more: {} },
  };
  const settings = { aio: "native", discard: "unmap" };
  assertEquals(decide({ settings }, { own }), []);
  assertEquals(
    differs({ settings: { aio: "threads" } }, { own }),
    "--aio is native (asked: threads)",
  );
});

Deno.test("planDiskAdd() takes a port by its number as by its slot", () => {
  const id = idOf("disk", 0);
  const hvinfo = { driver: "virtio-blk-pci", id, bus: "rp3", addr: "0x0" };
  const port: PciBus = {
    ...{ kind: "port", name: "rp3", number: 3, type: "pcie" },
    ...{ hotplug: "on", unplug: "on", by: "acpi-or-port", devices: "shown" },
    slots: { first: 0, last: 0 },
  };
  const more = {
    disks: [disk(0, 0, { name: "data", hvinfo })],
    qemu: {
      block: [backend(0)],
      buses: [port],
      pci: [pciDevice(0, { id, behind: "rp3" })],
    },
  };
  for (const slot of [0, 3]) {
    assertEquals(decide({ bus: "rp3", slot }, more), []);
  }
  assertEquals(differs({ slot: 4 }, more), "--slot is 0 (asked: 4)");
});

Deno.test("planDiskAdd() compares a place with the one that QEMU has", () => {
  const id = idOf("disk", 0);
  const pci = [pciDevice(9, { id })];
  const moved = { qemu: { block: [backend(0)], pci } };
  assertEquals(differs({ slot: 12 }, moved), "--slot is 9 (asked: 12)");
  assertEquals(decide({ slot: 9 }, moved), []);
  const scsi = { bus: "scsi.0", channel: 0, "scsi-id": 2, lun: 0 };
  const hvinfo = { driver: "scsi-hd", id, ...scsi };
  const disks = [disk(0, 0, { name: "data", hvinfo })];
  const at = (scsiId: number, bus: string) => ({
    disks,
    there: {
      place: {
        bus: `/machine/peripheral/c/${bus}`,
        channel: 0,
        scsiId,
        lun: 0,
      },
    },
  });
  assertEquals(decide({ slot: 2, bus: "scsi.0" }, at(2, "scsi.0")), []);
  assertEquals(
    differs({ slot: 3 }, at(2, "scsi.0")),
    "--slot is 2 (asked: 3)",
  );
  assertEquals(
    differs({ slot: 2, bus: "scsi.0" }, at(3, "scsi.1")),
    "--slot is 3 (asked: 2), --bus is scsi.1 (asked: scsi.0)",
  );
});
