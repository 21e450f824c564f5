import { saidIn } from "../support/document.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { DiskAddFacts } from "../../lib/disk/add_facts.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
} from "../support/facts.ts";

const BUS = {
  name: "scsi.0",
  controller: "virtio-scsi-pci",
  id: "scsi",
  children: [{ scsiId: 0, name: "cdrom" }],
};

/** An instance whose disks are SCSI disks, as Ganeti starts it. */
function scsiFacts(
  more: Parameters<typeof diskAddFacts>[0] = {},
  command: readonly string[] = ["-device", "virtio-scsi-pci,id=scsi"],
): DiskAddFacts {
  const facts = diskAddFacts({
    hvparams: { disk_type: "scsi-hd", kvm_pci_reservations: 12 },
    scsi: [BUS],
    ...more,
  });
  const { content } = facts;
  const runtime = { ...content.runtime, kvmCmd: ["kvm", ...command] };
  return { ...facts, content: { ...content, runtime } };
}

function plan(
  request: Parameters<typeof diskAdd>[0] = {},
  given = scsiFacts(),
) {
  return planOf(planDiskAdd(diskAdd(request), given));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  request: Parameters<typeof diskAdd>[0],
  given = scsiFacts(),
) {
  return planRefusal(code, given, (one) => planDiskAdd(diskAdd(request), one));
}

Deno.test("planDiskAdd() plugs a SCSI disk into the first free target", () => {
  const added = plan();
  const place = { bus: "scsi.0", channel: 0, "scsi-id": 1, lun: 0 };
  assertEquals(qmpStep(added, "device_add").arguments, {
    driver: "scsi-hd",
    id: "disk-932df160-7a22-4067",
    ...place,
    drive: "disk-932df160-7a22-4067",
    "write-cache": "on",
  });
  assertEquals(stepNames(added).includes("verify-device"), false);
  const { scsiId, bus } = stepOf(added, "verify-scsi");
  assertEquals([scsiId, bus], [1, "scsi.0"]);
  const { change } = stepOf(added, "stage-state");
  assert(change.change === "insert");
  const [object] = JSON.parse(change.entry);
  assertEquals(object.mode, "rw");
  assertEquals(object.hvinfo, {
    driver: "scsi-hd",
    id: "disk-932df160-7a22-4067",
    ...place,
  });
  const { slot, addr, scsi_id, channel, lun } = added.device;
  assertEquals([slot, addr, scsi_id, channel, lun], [null, null, 1, 0, 0]);
});

Deno.test("planDiskAdd() ends a SCSI disk's id in its target", () => {
  const added = plan({ idScheme: "design", slot: 9 });
  assertEquals(added.device.id, "disk-932df160-scsi-9");
});

Deno.test("planDiskAdd() needs no ACPI for a SCSI disk", () => {
  const hvparams = { disk_type: "scsi-hd", acpi: false };
  const qemu = { machine: "pc-q35-7.2" };
  assertEquals(plan({}, scsiFacts({ hvparams, qemu })).device.scsi_id, 1);
});

Deno.test("planDiskAdd() plugs a CD-ROM that nobody writes to", () => {
  const added = plan({ driver: "scsi-cd" });
  assertEquals(stepOf(added, "open-source").access, "ro");
  assertEquals(qmpStep(added, "blockdev-add").arguments["read-only"], true);
  assertEquals(added.warnings, []);
  const given = scsiFacts({ source: { writeFault: "EROFS" } });
  const error = refused("refused", { driver: "scsi-cd" }, given);
  assertStringIncludes(error.message, "EROFS");
});

Deno.test("planDiskAdd() has neither queues nor iothread on a SCSI disk", () => {
  refused("refused", { properties: { queues: 2 }, migratable: "not-needed" });
  refused("refused", {
    properties: { iothread: "io0" },
    migratable: "not-needed",
  });
});

Deno.test("planDiskAdd() wants a controller that a start makes, too", () => {
  const given = scsiFacts({}, []);
  const error = refused("refused", {}, given);
  assertStringIncludes(error.message, "kvm_cmd");
  const idle = scsiFacts({ scsi: [{ ...BUS, children: [] }] }, []);
  const { hint = "" } = refused("refused", {}, idle);
  assertStringIncludes(hint, "device_del id=scsi");
  const added = plan({ migratable: "not-needed" }, given);
  assertEquals(added.warnings.length, 1);
  const { change } = stepOf(added, "stage-state");
  assert(change.change === "insert");
  assertStringIncludes(change.entry, '"mode": "ro"');
});

Deno.test("planDiskAdd() refuses a driver that a start would not heed", () => {
  const hvparams = { disk_type: "ide" };
  const given = scsiFacts({ hvparams });
  for (const driver of ["scsi-hd", "paravirtual"]) {
    const error = refused("refused", { driver }, given);
    assertStringIncludes(error.message, "disk_type ide");
  }
});

Deno.test("planDiskAdd() refuses a driver that cannot serve the source", () => {
  const given = scsiFacts({ driverFault: "it does not accept SCSI commands" });
  const request = { driver: "scsi-block", migratable: "not-needed" } as const;
  const error = refused("unsupported", request, given);
  assertStringIncludes(error.message, "SCSI commands");
});

/** The controller that a plan brings. */
function controllerOf(added: ReturnType<typeof plan>) {
  const [first, second] = added.steps.flatMap((step) =>
    step.kind === "qmp" && step.execute === "device_add" ? [step] : []
  );
  return second === undefined ? undefined : first?.arguments;
}

/** An instance that was started without a controller. */
function bare(more: Parameters<typeof diskAddFacts>[0] = {}) {
  return diskAddFacts({ disks: [disk(0, 12)], ...more });
}

Deno.test("planDiskAdd() brings a controller where there is none", () => {
  const request = { driver: "scsi-hd" };
  const added = plan(request, bare());
  const names = stepNames(added);
  const first = names.indexOf("device_add");
  assertEquals(names.slice(first - 1, first + 3), [
    "blockdev-add",
    "device_add",
    "verify-device",
    "device_add",
  ]);
  const words = ["-device", "lsi,id=scsi,bus=pci.0,addr=0xb"];
  assertEquals(controllerOf(added), {
    driver: "lsi",
    id: "scsi",
    bus: "pci.0",
    addr: "0xb",
  });
  assertEquals(stepOf(added, "verify-device").slot, 11);
  // What the guest takes part in is the disk.
  assertEquals(added.turn, names.lastIndexOf("device_add"));
  const { change, inverse } = stepOf(added, "commit-state");
  assert(change.change === "insert" && inverse.change === "delete");
  const title = "controller";
  assertEquals(change.words, { title, put: words });
  assertEquals(inverse.words, { title, take: words });
  assertStringIncludes(change.entry, '"mode": "rw"');
  assertEquals([added.device.bus, added.device.scsi_id], ["scsi.0", 0]);
  assertStringIncludes(saidIn(added.warnings), "slot 11 of pci.0");
});

Deno.test("planDiskAdd() takes the controller that the user wants", () => {
  const request = { driver: "scsi-hd", controller: "megasas" };
  const added = plan(request, bare());
  assertEquals(controllerOf(added)?.driver, "megasas");
  assertEquals(controllerOf(plan(request)), undefined);
  const hvparams = { scsi_controller_type: "virtio-scsi-pci" };
  const usual = plan({ driver: "scsi-cd" }, bare({ hvparams }));
  assertEquals(controllerOf(usual)?.driver, "virtio-scsi-pci");
  refused("refused", { controller: "lsi" }, bare());
});

Deno.test("planDiskAdd() brings no controller that could not be repeated", () => {
  const request = { driver: "scsi-hd" };
  const other = bare({ hvparams: { scsi_controller_type: "pvscsi" } });
  assertStringIncludes(
    refused("unsupported", request, other).message,
    "pvscsi",
  );
  refused("unsupported", { ...request, bus: "scsi.1" }, bare());
  refused("unsupported", request, bare({ hvparams: { acpi: false } }));
  const taken = bare({ qemu: { deviceIds: new Set(["scsi"]) } });
  refused("duplicate", request, taken);
  const gone = scsiFacts({ scsi: [] });
  assertStringIncludes(refused("unsupported", {}, gone).message, "kvm_cmd");
});

Deno.test("planDiskAdd() brings no controller that QEMU does not have", () => {
  const request = { driver: "scsi-hd" };
  const controllerFault = "no device model lsi";
  const { message, hint } = refused(
    "unsupported",
    request,
    bare({ controllerFault }),
  );
  assertStringIncludes(message, "lsi");
  assertEquals(hint, "--controller virtio-scsi-pci");
});

Deno.test("planDiskAdd() says where a guest is not told of a disk", () => {
  const lsi = { ...BUS, controller: "lsi53c895a" };
  const added = plan(
    {},
    scsiFacts({ scsi: [lsi] }, ["-device", "lsi,id=scsi"]),
  );
  assertStringIncludes(saidIn(added.warnings), "scsi_host");
  assertEquals(plan().warnings, []);
});

Deno.test("planDiskAdd() knows that Ganeti starts no passed-through disk", () => {
  const request = { driver: "scsi-block" };
  assertStringIncludes(refused("refused", request).message, "write-cache");
  const own = scsiFacts({ hvparams: { disk_type: "scsi-block" } });
  assertEquals(plan(request, own).warnings, []);
});

Deno.test("planDiskAdd() plugs an NVMe disk on PCI, not to be migrated", () => {
  refused("refused", { driver: "nvme" });
  const added = plan({ driver: "nvme", migratable: "not-needed" });
  const { arguments: args } = qmpStep(added, "device_add");
  assertEquals([args.driver, args.bus, args.addr], ["nvme", "pci.0", "0xc"]);
  assertEquals(args.serial, "932df1607a224067a566");
  assertEquals(stepOf(added, "verify-device").slot, 12);
});
