/** The properties that a new disk is given, and what each start repeats. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planEmptyDrive } from "../../lib/disk/empty_drive.ts";
import {
  givenProperties,
  propertiesFor,
  propertyWarnings,
} from "../../lib/disk/properties.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { recordedArguments } from "../../lib/device/hvinfo.ts";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  facts,
  NEW_UUID,
  type PlainObject,
  planOf,
  planRefusal,
  qmpStep,
  refusal,
  stepOf,
} from "../support/facts.ts";
import { plan } from "../support/disk_add.ts";

const BLOCK = { path: "/dev/x", kind: "block" } as const;

/** What the entry of a plan has besides driver, id and place. */
function recorded(added: ReturnType<typeof plan>) {
  const { change } = stepOf(added, "stage-state");
  assert(change.change === "insert");
  const [entry] = parseRuntime(`[[], [], {}, [${change.entry}]]`, "x").disks;
  assert(entry);
  const { bus: _, addr: _a, ...more } = recordedArguments(entry);
  return more;
}

Deno.test("planDiskAdd() gives properties to the device, and to each start", () => {
  const properties = {
    ...{ serial: "S1", "logical-block-size": 4096, bootindex: 3 },
    ...{ werror: "stop", rerror: "report", queues: 2 },
  };
  const added = plan({ properties });
  const { driver: _, id: _i, bus: _b, addr: _a, drive: _d, ...args } =
    qmpStep(added, "device_add").arguments;
  const keys = {
    ...{ serial: "S1", logical_block_size: 4096, physical_block_size: 4096 },
    ...{ bootindex: 3, werror: "stop", rerror: "report", "num-queues": 2 },
  };
  assertEquals(args, { "write-cache": "on", ...keys });
  assertEquals(recorded(added), keys);
  const { serial, logical_block_size: size, wwn } = added.device;
  assertEquals([serial, size, wwn], ["S1", 4096, null]);
  const [warning, ...others] = added.warnings;
  assertEquals([warning?.code, others], ["until-stop", []]);
  assertStringIncludes(warning?.message ?? "", "partition table");
});

Deno.test("planDiskAdd() gives a WWN as a number of 64 bits", () => {
  const scsi = [{
    ...{ name: "scsi.0", controller: "virtio-scsi-pci", id: "scsi" },
    children: [],
  }];
  const request = {
    driver: "scsi-hd",
    properties: { wwn: "0x5000c50015ea71ac", "rotation-rate": 1 },
    migratable: "not-needed",
  } as const;
  const facts = diskAddFacts({ scsi });
  const added = planOf(planDiskAdd(diskAdd(request), facts));
  const text = JSON.stringify(qmpStep(added, "device_add").arguments);
  assertStringIncludes(text, '"wwn":5764824127192592812');
  const { wwn, rotation_rate: rate } = recorded(added);
  assertEquals([wwn, rate], ["0x5000c50015ea71ac", 1]);
});

Deno.test("givenProperties() cuts the uuid to what drivers take", () => {
  const uuid = { value: NEW_UUID, origin: "made" } as const;
  const given = { uuid, properties: { serial: "uuid" } };
  assertEquals(givenProperties(given).serial, NEW_UUID.slice(0, 20));
});

Deno.test("planDiskAdd() takes the block sizes of a block device", () => {
  const sizes = (
    logical: number,
    physical: number,
    properties: PlainObject = {},
    more = {},
  ) => {
    const source = { ...BLOCK, blockSizes: { logical, physical } };
    const added = planOf(planDiskAdd(
      diskAdd({ properties: properties as Record<string, number>, ...more }),
      diskAddFacts({ source }),
    ));
    const { logical_block_size: one, physical_block_size: two } =
      qmpStep(added, "device_add").arguments;
    return [one, two];
  };
  assertEquals(sizes(512, 512), [undefined, undefined]);
  assertEquals(sizes(512, 4096), [undefined, 4096]);
  assertEquals(sizes(4096, 4096), [4096, 4096]);
  assertEquals(sizes(4096, 4096, { "logical-block-size": 512 }), [512, 4096]);
  assertEquals(sizes(4096, 4096, { "physical-block-size": 512 }), [512, 512]);
  // Nothing that Ganeti's start would not give, for a master.
  const ganeti = { ganeti: { object: "{}", devType: "blockdev" } };
  assertEquals(sizes(4096, 4096, {}, ganeti), [undefined, undefined]);
});

Deno.test("planDiskAdd() refuses what the driver or this QEMU does not have", () => {
  const refused = (
    properties: Record<string, string | number>,
    code: "refused" | "unsupported" = "refused",
    more: Parameters<typeof diskAddFacts>[0] = {},
  ) =>
    planRefusal(
      code,
      diskAddFacts(more),
      (one) => planDiskAdd(diskAdd({ properties }), one),
    ).message;
  assertEquals(
    refused({ wwn: "0x5000c50015ea71ac" }),
    "Option --wwn goes with driver scsi-hd or scsi-cd, not with virtio-blk-pci",
  );
  assertStringIncludes(
    refused({ "logical-block-size": 4096, "physical-block-size": 512 }),
    "must not exceed",
  );
  const propertyNames = new Set(["drive"]);
  assertStringIncludes(
    refused({ serial: "x" }, "unsupported", { propertyNames }),
    "does not have property serial",
  );
  const bootIndexes = new Map([[4, "nic-1"]]);
  assertEquals(
    refused({ bootindex: 4 }, "refused", { bootIndexes }),
    "Option --bootindex 4 is already used by device nic-1",
  );
});

Deno.test("planDiskAdd() leaves bootindex 1 to a start that gives it", () => {
  const given = diskAddFacts({
    hvparams: { boot_order: "disk", kernel_path: "" },
  });
  const { content } = given;
  const kvmCmd = ["kvm", "-name", "vm1,debug-threads=on"];
  const runtime = { ...content.runtime, kvmCmd };
  const next = { ...given, content: { ...content, runtime } };
  const request = diskAdd({ properties: { bootindex: 1 } });
  const error = refusal("refused", () => planDiskAdd(request, next));
  assertStringIncludes(error.message, "Ganeti's start gives it");
  assertEquals(recorded(planOf(planDiskAdd(request, given))).bootindex, 1);
});

Deno.test("planDiskAdd() of a disk that is there compares its properties", () => {
  const SOURCE = { path: "/srv/d0.img", identity: "inode of /srv/d0.img" };
  const told = {
    ...{ serial: "S1", wwn: 0, "logical-block-size": 512, bootindex: -1 },
    werror: "auto",
  };
  const facts = diskAddFacts({
    disks: [disk(0, 12)],
    source: SOURCE,
    there: { properties: told },
  });
  const asked = (properties: Record<string, string | number>) =>
    planDiskAdd(diskAdd({ source: SOURCE.path, properties }), facts).steps;
  assertEquals(asked({ serial: "S1", "logical-block-size": 512 }), []);
  const other = { serial: "S2", bootindex: 2, werror: "stop" };
  const { message } = refusal("duplicate", () => asked(other));
  assertStringIncludes(
    message,
    "--serial is S1 (asked: S2), --bootindex is none (asked: 2), --werror is none (asked: stop)",
  );
});

Deno.test("planEmptyDrive() gives a drive what it can have", () => {
  const scsi = [{
    ...{ name: "scsi.0", controller: "virtio-scsi-pci", id: "scsi" },
    children: [],
  }];
  const { source: _, ...request } = diskAdd({
    driver: "scsi-cd",
    properties: { serial: "CD1" },
    migratable: "not-needed",
  });
  const empty = { ...request, kind: "disk-add-empty" } as const;
  const added = planOf(planEmptyDrive(empty, { ...facts(), scsi }));
  assertEquals(qmpStep(added, "device_add").arguments["serial"], "CD1");
  assertEquals(recorded(added).serial, "CD1");
  const bad = { ...empty, properties: { queues: 2 } };
  refusal("refused", () => planEmptyDrive(bad, { ...facts(), scsi }));
});

Deno.test("propertiesFor() keeps what each start can give again", () => {
  const kvmCmd = ["kvm", "-object", "iothread,id=io0", "-object", "x,id=io1"];
  const kept = (
    given: Record<string, string | number>,
    hvparams: PlainObject = {},
  ) => {
    const { content } = facts({ hvparams });
    const runtime = { ...content.runtime, kvmCmd };
    return propertiesFor({ content: { ...content, runtime } }, given);
  };
  assertEquals(kept({}), {});
  assertEquals(kept({ queues: 2, iothread: "io0" }), {
    "num-queues": 2,
    iothread: "io0",
  });
  for (const iothread of ["io", "io1", "io2"]) {
    assertEquals(kept({ iothread }), {});
  }
  // Such a start chooses one itself.
  assertEquals(kept({ iothread: "io0" }, { virtio_disk_iothreads: 1 }), {});
});

Deno.test("propertyWarnings() tells what is lost, and which names are taken", () => {
  const [object, ...rest] = disk(0, 12);
  const hvinfo = { ...object.hvinfo, serial: "S1", wwn: "0x1234" };
  const codes = (
    given: Record<string, string | number>,
    properties: Record<string, string | number> = {},
    hvparams: PlainObject = {},
  ) => {
    const { content } = facts({
      disks: [[{ ...object, hvinfo }, ...rest]],
      hvparams,
    });
    return propertyWarnings({ content }, { given, properties })
      .flatMap((one) => one ? [[one.code, one.device?.index]] : []);
  };
  const lost = { "num-queues": 2 };
  assertEquals(codes({}), []);
  assertEquals(codes({ serial: "S2" }, lost), [["until-stop", undefined]]);
  assertEquals(codes({ serial: "S1" }), [["same-serial", 0]]);
  assertEquals(codes({ wwn: "0x0000000000001234" }), [["same-serial", 0]]);
});

Deno.test("parseExact() keeps a WWN that QEMU tells", () => {
  const told = parseExact('{"return":5764824127192592812}');
  assertEquals(JSON.stringify(told), '{"return":5764824127192592812}');
});
