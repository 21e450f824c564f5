import { assertEquals, assertThrows } from "@std/assert";
import {
  belongsTo,
  deviceId,
  isExactName,
  parseDeviceId,
  preferredScheme,
  uuidsFor,
} from "../../lib/device/device_id.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  disk,
  NEW_UUID,
  nic,
  runtime,
  sample,
  uuidOf,
} from "../support/facts.ts";

Deno.test("deviceId() is Ganeti's own for Ganeti's own test vector", () => {
  const uuid = "003fc157-66a8-4e6d-8b7e-ec4f69751396";
  assertEquals(
    deviceId("ganeti", "nic", { uuid, slot: 5 }),
    "nic-003fc157-66a8-4e6d",
  );
});

Deno.test("deviceId() is the id Ganeti recorded, for every recorded device", () => {
  for (const name of ["03", "05", "07", "08", "10"]) {
    const { disks, nics } = parseRuntime(sample(name), name);
    for (const { kind, uuid = "", hvinfo } of [...disks, ...nics]) {
      assertEquals(deviceId("ganeti", kind, { uuid, slot: 0 }), hvinfo.id);
    }
  }
});

Deno.test("deviceId() is the design document's form", () => {
  assertEquals(
    deviceId("design", "disk", { uuid: NEW_UUID, slot: 13 }),
    "disk-932df160-pci-13",
  );
  assertEquals(
    deviceId("design", "nic", { uuid: NEW_UUID, slot: 0 }),
    "nic-932df160-pci-0",
  );
});

Deno.test("deviceId() keeps to QEMU's limit of a node-name", () => {
  const uuid = `${"a".repeat(40)}-1-2`;
  assertThrows(
    () => deviceId("ganeti", "disk", { uuid, slot: 0 }),
    RangeError,
    "longer than 31",
  );
});

function hvinfo(id: string) {
  return { hvinfo: { id, addr: "0xc", bus: "pci.0" } };
}

Deno.test("preferredScheme() follows the newest device of the kind", () => {
  const ganeti = disk(0, 12);
  const design = disk(1, 13, hvinfo("disk-d0000001-pci-13"));
  const hot = disk(1, 13, hvinfo("hotdisk-d0000001-pci-13"));
  const scsi = disk(1, 13, hvinfo("disk-d0000001-scsi-3"));
  const cases = [
    { disks: [ganeti], want: "ganeti" },
    { disks: [ganeti, design], want: "design" },
    { disks: [design, ganeti], want: "ganeti" },
    { disks: [hot], want: "design" },
    { disks: [scsi], want: "design" },
  ] as const;
  for (const { disks, want } of cases) {
    assertEquals(preferredScheme(runtime({ disks }), "disk"), want);
  }
});

Deno.test("preferredScheme() follows the other kind if there is none of it", () => {
  const disks = [disk(0, 12, hvinfo("hotdisk-d0000000-pci-12"))];
  assertEquals(preferredScheme(runtime({ disks }), "nic"), "design");
  const nics = [nic(0, 13)];
  assertEquals(preferredScheme(runtime({ disks, nics }), "nic"), "ganeti");
  assertEquals(preferredScheme(runtime({ disks, nics }), "disk"), "design");
});

Deno.test("preferredScheme() asks the hvparams of an instance without ids", () => {
  const fresh = runtime({ hvparams: { scsi_controller_type: "lsi" } });
  assertEquals(preferredScheme(fresh, "disk"), "ganeti");
  assertEquals(preferredScheme(runtime({ hvparams: {} }), "nic"), "design");
  const old = parseRuntime(sample("02-2.10"), "x");
  assertEquals(preferredScheme(old, "disk"), "design");
});

Deno.test("parseDeviceId() reads each form that deviceId() and Ganeti write", () => {
  const uuid = "003fc157-66a8-4e6d-8b7e-ec4f69751396";
  const forms = [
    [deviceId("ganeti", "disk", { uuid, slot: 0 }), "003fc157-66a8-4e6d"],
    [deviceId("design", "disk", { uuid, slot: 13 }), "003fc157"],
    [deviceId("design", "disk", { uuid, scsiId: 3 }), "003fc157"],
    ["hotdisk-003fc157-pci-4", "003fc157"],
    ["DISK-003FC157-PCI-4", "003fc157"],
    [`disk-${uuid}`, uuid],
  ] as const;
  for (const [id, uuidPart] of forms) {
    const scheme = /-(?:pci|scsi)-/i.test(id) ? "design" : "ganeti";
    assertEquals(parseDeviceId(id), { kind: "disk", uuidPart, scheme }, id);
    assertEquals(belongsTo(uuid, id), true, id);
    assertEquals(belongsTo(uuid.toUpperCase(), id), true, id);
    assertEquals(belongsTo(`1${uuid.slice(1)}`, id), false, id);
  }
  assertEquals(parseDeviceId("hotnic-003fc157-pci-4")?.kind, "nic");
});

Deno.test("parseDeviceId() knows no other form", () => {
  const others = [
    "",
    "disk-1",
    "disk-003fc15",
    "disk-003fc157-pci-",
    "disk-003fc157-pci-4-file",
    "disk-003fc157-foo-4",
    "xdisk-003fc157",
    uuidOf("disk", 1),
  ];
  for (const id of others) {
    assertEquals(parseDeviceId(id), undefined, id);
    assertEquals(belongsTo(uuidOf("disk", 1), id), false, id);
  }
});

Deno.test("isExactName() takes full uuids and device ids only", () => {
  const exact = [
    uuidOf("disk", 1),
    "disk-932df160-7a22-4067",
    "nic-932df160-pci-13",
    "hotdisk-932df160-pci-4",
    "disk-932df160-scsi-3",
  ];
  const vague = ["0", "-1", "data", "932df160", "disk-1", "00000012", ""];
  for (const word of exact) assertEquals(isExactName(word), true, word);
  for (const word of vague) assertEquals(isExactName(word), false, word);
});

Deno.test("uuidsFor() takes the uuid of an id, else one that begins as it", () => {
  const fresh = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  const whole = uuidOf("disk", 1);
  const begun = (part: string) => part + fresh.slice(part.length);
  const first = (id: string) => uuidsFor(id, fresh)[0];
  assertEquals(first(`my-${whole.toUpperCase()}-drive`), whole);
  assertEquals(first("hotnic-932df160-pci-4"), begun("932df160"));
  assertEquals(
    first("disk-932df160-7a22-4067"),
    begun("932df160-7a22-4067"),
  );
  // What is no group of a uuid is none of the new one either.
  assertEquals(first("disk-932df160-7a"), begun("932df160"));
  assertEquals(first("disk-932df1607a22"), fresh);
  assertEquals(first("data"), fresh);
  assertEquals(uuidsFor("data", fresh).at(-1), fresh);
});
