import { assertEquals, assertStringIncludes } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";

import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  NEW_UUID,
  pciDevice,
  planRefusal,
  present,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { NEW_ID, ONE_DISK, plan } from "../support/disk_add.ts";

function refused(
  code: Parameters<typeof planRefusal>[0],
  request: Parameters<typeof diskAdd>[0],
  given: Parameters<typeof diskAddFacts>[0] = ONE_DISK,
) {
  return planRefusal(
    code,
    diskAddFacts(given),
    (one) => planDiskAdd(diskAdd(request), one),
  );
}

Deno.test("planDiskAdd() wants settings that a start would repeat", () => {
  const cases = [
    { settings: { cache: "none" } },
    { settings: { aio: "io_uring" } },
    { settings: { discard: "unmap" } },
    { settings: { access: "ro" as const } },
  ];
  // A target without the iothread takes over all the same.
  assertEquals(plan({ properties: { iothread: "io0" } }).warnings, []);
  for (const request of cases) {
    const error = refused("refused", request);
    assertStringIncludes(error.hint ?? "", "--not-migratable");
    const added = plan({ ...request, migratable: "not-needed" });
    assertEquals(added.warnings.length, 1);
    const { change } = stepOf(added, "stage-state");
    assert(change.change === "insert");
    assertStringIncludes(change.entry, '"mode": "ro"');
  }
});

Deno.test("planDiskAdd() refuses settings that do not go together", () => {
  const settings = { aio: "native" };
  // Well-formed but false of this disk is 3: INTERFACE, "Exit statuses".
  refused("refused", { settings, migratable: "not-needed" });
  refused("refused", {}, { hvparams: { disk_aio: "native" } });
});

Deno.test("planDiskAdd() refuses a source that is there under another uuid", () => {
  const source = { path: "/srv/d0.img", identity: "inode of /srv/d0.img" };
  const uuid = { value: NEW_UUID, origin: "given" } as const;
  const error = refused("duplicate", { uuid }, { ...ONE_DISK, source });
  assertStringIncludes(error.message, uuidOf("disk", 0));
});

Deno.test("planDiskAdd() refuses a uuid that another device has", () => {
  for (const kind of ["disk", "nic"] as const) {
    const uuid = { value: uuidOf(kind, 0), origin: "given" } as const;
    const error = refused("duplicate", { uuid });
    assertStringIncludes(error.message, kind === "nic" ? "NIC 0" : "disk 0");
  }
});

Deno.test("planDiskAdd() refuses a recorded disk that QEMU does not have", () => {
  const source = { path: "/srv/d0.img", identity: "inode of /srv/d0.img" };
  const qemu = { deviceIds: new Set<string>() };
  const error = refused("duplicate", {}, { ...ONE_DISK, source, qemu });
  assertEquals(error.hint, "kvm-hotplug repair vm1");
});

Deno.test("planDiskAdd() refuses an id QEMU has already", () => {
  const holders = [
    ["duplicate", { deviceIds: new Set([NEW_ID]) }],
    // What no device uses, repair removes.
    ["leftover", { nodeNames: new Set([NEW_ID]) }],
    ["leftover", {
      netdevs: new Map([[NEW_ID, { tap: undefined, queues: 1 }]]),
    }],
  ] as const;
  for (const [code, qemu] of holders) {
    const error = refused(code, {}, { qemu });
    assertStringIncludes(error.message, NEW_ID);
  }
});

Deno.test("planDiskAdd() refuses an id another recorded device has", () => {
  // Two uuids that differ in their last groups only, one not in QEMU.
  const uuid = NEW_UUID.replace(/3$/, "4");
  const hvinfo = { id: NEW_ID, addr: "0xc", bus: "pci.0" };
  refused("duplicate", {}, {
    disks: [disk(0, 12, { uuid, hvinfo })],
    qemu: { deviceIds: new Set(), nodeNames: new Set(), pci: [] },
  });
});

Deno.test("planDiskAdd() refuses a slot that is taken or a full bus", () => {
  refused("no-free-slot", { slot: 12 });
  refused("no-free-slot", { slot: 1 });
  const pci = Array.from({ length: 32 }, (_, slot) => pciDevice(slot));
  refused("no-free-slot", {}, { qemu: { pci } });
});

Deno.test("planDiskAdd() refuses a driver it does not plug", () => {
  refused("unsupported", { driver: "scsi-hd", bus: "scsi.1" });
  refused("unsupported", {}, { hvparams: { disk_type: "ide" } });
  // A start from the file would make an ide disk of it.
  const driver = { driver: "paravirtual" };
  const hvparams = { disk_type: "ide" };
  refused("refused", driver, { hvparams });
  plan({ ...driver, migratable: "not-needed" }, { hvparams });
});

Deno.test("planDiskAdd() refuses a block device that is not under /dev", () => {
  const source = { path: "/srv/node", kind: "block" } as const;
  refused("refused", {}, { source });
});

Deno.test("planDiskAdd() refuses an iothread the VM does not have", () => {
  const request = {
    properties: { iothread: "io7" },
    migratable: "not-needed",
  } as const;
  const error = refused("refused", request);
  assertStringIncludes(error.message, "io7; iothreads: io0, io1");
  const none = refused("refused", request, { iothreads: new Set() });
  assertStringIncludes(none.message, "iothreads: none");
});

Deno.test("planDiskAdd() refuses O_DIRECT where the file system does", () => {
  const source = { direct: false };
  refused("refused", {}, { hvparams: { disk_cache: "none" }, source });
  plan({}, { hvparams: { disk_cache: "writeback" }, source });
});

Deno.test("planDiskAdd() refuses a name another disk has", () => {
  const disks = [disk(0, 12, { name: "data" })];
  const error = refused("duplicate", { name: "data" }, { disks });
  assertStringIncludes(error.message, "disk 0");
  plan({ name: "data2" }, { disks });
});

Deno.test("planDiskAdd() refuses a disk that is on its way out", () => {
  const uuid = uuidOf("disk", 0);
  const id = present(disk(0, 12)[0].hvinfo).id;
  const pending = { id, title: "disk 0", requestedAt: "2026-11-22T21:00:00Z" };
  const given = {
    ...ONE_DISK,
    own: {
      place: { runDir: "/run/g", lockKey: "vm1" },
      qemu: null,
      record: {
        qemu: null,
        devices: { [uuid]: { kind: "disk" as const, pending } },
        more: {},
      },
    },
    source: { path: "/srv/d0.img", identity: "inode of /srv/d0.img" },
  };
  for (const origin of ["given", "made"] as const) {
    const value = origin === "given" ? uuid : NEW_UUID;
    const error = refused("refused", { uuid: { value, origin } }, given);
    assertStringIncludes(error.message, "being removed");
    assertStringIncludes(error.hint ?? "", `disk remove vm1 ${id}`);
  }
});
