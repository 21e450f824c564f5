import { assertEquals, assertStringIncludes } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  idOf,
  NEW_UUID,
  NO_PROPERTIES,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { NEW_ID, ONE_DISK, plan } from "../support/disk_add.ts";
import { describe } from "../support/steps.ts";

Deno.test("planDiskAdd() goes from host over QEMU to the file", () => {
  assertEquals(stepNames(plan()), [
    "stage-state",
    "open-source",
    "add-fd",
    "blockdev-add",
    "device_add",
    "remove-fd",
    "verify-device",
    "commit-state",
  ]);
});

Deno.test("planDiskAdd() has the undo of every step that changes QEMU", () => {
  const added = plan();
  const undone = ["add-fd", "blockdev-add", "device_add"]
    .map((name) => qmpStep(added, name).undo);
  assertEquals(undone, [
    { execute: "remove-fd", arguments: { "fdset-id": 1 } },
    { execute: "blockdev-del", arguments: { "node-name": NEW_ID } },
    { execute: "device_del", arguments: { id: NEW_ID } },
  ]);
  assertEquals(stepOf(added, "commit-state").inverse, {
    change: "delete",
    list: "disks",
    uuid: NEW_UUID,
  });
});

Deno.test("planDiskAdd() describes every step and its undo", () => {
  for (const step of plan().steps) {
    const { step: title, qmp, host, undo } = describe(step);
    assert(title.length > 0);
    assert((qmp === null) !== (host === null) || qmp !== null, title);
    const harmless = step.kind === "verify-device" ||
      (step.kind === "qmp" && step.execute === "remove-fd");
    assertEquals(undo === null, harmless, title);
  }
});

Deno.test("planDiskAdd() passes the opened source with add-fd alone", () => {
  const fds = plan().steps.map((step) => step.kind === "qmp" ? step.fd : null);
  assertEquals(fds.filter((fd) => fd), ["source"]);
  assertEquals(qmpStep(plan(), "add-fd").arguments, {
    "fdset-id": 1,
    opaque: `kvm-hotplug disk-add ${NEW_UUID}`,
  });
});

Deno.test("planDiskAdd() records what it plugs", () => {
  const added = plan({ name: "data" });
  const { change } = stepOf(added, "stage-state");
  assertEquals(stepOf(added, "commit-state").change, change);
  assert(change.change === "insert");
  const text = `[[], [], {}, [${change.entry}]]`;
  const entry = parseRuntime(text, "x").disks[0];
  assertEquals(entry?.uuid, NEW_UUID);
  assertEquals(entry?.name, "data");
  assertEquals(entry?.hvinfo.id, qmpStep(added, "device_add").arguments["id"]);
  assertEquals(added.device, {
    kind: "disk",
    index: 1,
    uuid: NEW_UUID,
    name: "data",
    id: NEW_ID,
    driver: "virtio-blk-pci",
    bus: "pci.0",
    slot: 14,
    addr: "0xe",
    source: "/srv/new.img",
    size_bytes: 64 * 1024 * 1024,
    format: "raw",
    via: "fdset",
    ...{ channel: null, scsi_id: null, lun: null },
    ...{ read_only: false, cache: "writeback", aio: "threads" },
    ...{ discard: "ignore", limits: null, limit_group: null },
    ...{ ...NO_PROPERTIES, migratable: true },
    ...{ tray: null, live_source: null, unlike_start: [] },
  });
  assertEquals([added.action, added.instance, added.title], [
    "add",
    "vm1",
    "disk 1",
  ]);
});

Deno.test("planDiskAdd() writes beside the runtime file", () => {
  const { path, temporary } = stepOf(plan(), "stage-state");
  assertEquals(path, "/run/g/kvm-hypervisor/conf/vm1.runtime");
  assertEquals(temporary, "vm1.runtimeabcdefgh.new");
  assertEquals(stepOf(plan(), "commit-state").temporary, temporary);
});

Deno.test("planDiskAdd() takes an fd set nobody has", () => {
  const fdsets = [7, 3].map((id) => ({ id, opaques: [], fds: 0 }));
  const added = plan({}, { qemu: { fdsets } });
  const ids = ["add-fd", "remove-fd"]
    .map((name) => qmpStep(added, name).arguments["fdset-id"]);
  assertEquals(ids, [8, 8]);
  const node = qmpStep(added, "blockdev-add").arguments;
  assertEquals(
    (node["file"] as Record<string, unknown>)["filename"],
    "/dev/fdset/8",
  );
});

Deno.test("planDiskAdd() opens with O_DIRECT exactly when the cache is direct", () => {
  const block = { path: "/dev/vg/x", kind: "block" } as const;
  const cases = [
    { hvparams: { disk_cache: "none" }, direct: true },
    { hvparams: { disk_cache: "default" }, direct: false },
    { hvparams: {}, source: block, direct: true },
  ];
  for (const { direct, ...given } of cases) {
    const added = plan({}, given);
    assertEquals(stepOf(added, "open-source").direct, direct);
    assertEquals(qmpStep(added, "blockdev-add").arguments["cache"], {
      direct,
      "no-flush": false,
    });
  }
});

Deno.test("planDiskAdd() opens for reading only what the guest only reads", () => {
  const request = { settings: { access: "ro" }, migratable: "not-needed" };
  const added = plan(request as Parameters<typeof diskAdd>[0]);
  assertEquals(stepOf(added, "open-source").access, "ro");
  assertEquals(qmpStep(added, "blockdev-add").arguments["read-only"], true);
  assertEquals(stepOf(plan(), "open-source").access, "rw");
});

Deno.test("planDiskAdd() takes the settings of the hvparams", () => {
  const hvparams = {
    disk_cache: "none",
    disk_aio: "native",
    disk_discard: "unmap",
  };
  const node = qmpStep(plan({}, { hvparams }), "blockdev-add").arguments;
  const file = node["file"] as Record<string, unknown>;
  assertEquals([file["aio"], file["discard"]], ["native", "unmap"]);
});

Deno.test("planDiskAdd() follows the wanted slot, scheme and queues", () => {
  const added = plan({
    slot: 20,
    idScheme: "design",
    properties: { queues: 2, iothread: "io1" },
    migratable: "not-needed",
  });
  const args = qmpStep(added, "device_add").arguments;
  assertEquals(
    [args["id"], args["addr"], args["num-queues"], args["iothread"]],
    ["disk-932df160-pci-20", "0x14", 2, "io1"],
  );
  assertEquals(stepOf(added, "verify-device").slot, 20);
});

Deno.test("planDiskAdd() follows the scheme of the recorded devices", () => {
  const hvinfo = { id: "hotdisk-d0000000-pci-12", addr: "0xc" };
  const added = plan({}, { disks: [disk(0, 12, { hvinfo })] });
  assertEquals(added.device.id, "disk-932df160-pci-13");
});

Deno.test("planDiskAdd() of a source that already exists does nothing", () => {
  const given = diskAddFacts({
    ...ONE_DISK,
    source: { path: "/srv/d0.img", identity: "inode of /srv/d0.img" },
  });
  const decision = planDiskAdd(diskAdd(), given);
  assertEquals(decision.steps, []);
  assertEquals(decision.steps, []);
  assertEquals(decision.device?.uuid, uuidOf("disk", 0));
  assertEquals(decision.device?.slot, 12);
  const uuid = { value: uuidOf("disk", 0), origin: "given" } as const;
  assertEquals(planDiskAdd(diskAdd({ uuid }), given).steps, []);
});

Deno.test("planDiskAdd() takes a block device as Ganeti's blockdev", () => {
  const source = { path: "/dev/vg/x", kind: "block" } as const;
  const { change } = stepOf(plan({}, { source }), "stage-state");
  assert(change.change === "insert");
  assertStringIncludes(change.entry, '["manual", "/dev/vg/x"]');
});

Deno.test("planDiskAdd() says which device id a taken SCSI disk keeps", () => {
  const hvinfo = { id: idOf("disk", 0), bus: "scsi.0", "scsi-id": 3, lun: 0 };
  const given = diskAddFacts({
    disks: [disk(0, 0, { hvinfo })],
    source: { identity: "inode of /srv/d0.img" },
  });
  const decision = planDiskAdd(diskAdd(), given);
  assertEquals(decision.steps, []);
  assertEquals(decision.device?.["scsi_id"], 3);
});
