import { assertEquals, assertStringIncludes } from "@std/assert";
import type { ProcessIdentity } from "../../lib/host/process_identity.ts";
import type { OwnRecordStep } from "../../lib/engine/own_steps.ts";
import {
  applyOwnChange,
  changeOwnRecord,
  formatOwnRecord,
  knownNotes,
  parseOwnRecord,
  readOwnRecord,
  recordFor,
} from "../../lib/state/own_record.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import type { World } from "../../lib/engine/world.ts";
import { loadNotes } from "../../lib/kinds.ts";
import { refusal, uuidOf } from "../support/facts.ts";
import { kindOf } from "../support/steps.ts";

const QEMU: ProcessIdentity = {
  boot: "932df160-7a22-4067-8b7e-1f0a5d7c9e11",
  pid: 4711,
  start: 12,
  name: "vm1",
};
const UUID = uuidOf("disk", 0);
const CHOWN = {
  way: "chown",
  path: "/srv/d0.img",
  inode: "8:1 77 0:0",
  from: 0,
  to: 65534,
} as const;
const MKNOD = {
  way: "mknod",
  root: "/run/g/kvm-hypervisor/chroot/vm1",
  rootInode: "0:24 9 0:0",
  name: "disk-d0000000-1111-4111",
  rdev: "7:0",
  uid: 65534,
  kind: "node",
  rootMode: 0o700,
} as const;
const DEVICE: OwnDevice = {
  kind: "disk",
  via: "chown",
  access: CHOWN,
  limits: { "iops-total": 100 },
  pending: { id: "disk-1", requestedAt: "2026-11-22T21:00:00.5Z", title: "x" },
};

function place() {
  return { runDir: Deno.makeTempDirSync(), lockKey: "vm1" };
}

const NOTES = await loadNotes();

function parse(document: unknown) {
  const record = parseOwnRecord(JSON.stringify(document), place());
  return knownNotes(record, NOTES, place());
}

Deno.test("parseOwnRecord() reads what formatOwnRecord() wrote", () => {
  const record = {
    qemu: QEMU,
    devices: { [UUID]: { ...DEVICE, later: { x: [1] } } },
    more: { later: true },
  };
  assertEquals(parseOwnRecord(formatOwnRecord(record), place()), record);
});

Deno.test("parseOwnRecord() takes no value that the command line would not", () => {
  const device = (more: Record<string, unknown>) => ({
    version: 1,
    qemu: QEMU,
    devices: { [UUID]: { ...DEVICE, ...more } },
  });
  const bad: unknown[] = [
    null,
    [],
    { version: 2 },
    { version: 1, devices: [] },
    { version: 1, devices: { "../x": DEVICE } },
    { version: 1, devices: { "vcpu-3": VCPU } },
    { version: 1, byId: { "../x": VCPU } },
    { version: 1, byId: { "vcpu-3": { words: [] } } },
    { version: 1, byIdFor: { ...QEMU, pid: -1 } },
    { version: 1, qemu: { ...QEMU, pid: -1 } },
    { version: 1, qemu: { ...QEMU, name: "../x" } },
    { version: 1, qemu: { ...QEMU, boot: "x" } },
    device({ kind: "../x" }),
    device({ via: "magic" }),
    device({ access: { ...CHOWN, way: "path" } }),
    device({ access: { ...CHOWN, path: "relative" } }),
    device({ access: { ...CHOWN, path: "/srv/../etc/shadow" } }),
    device({ access: { ...CHOWN, path: "/srv/a\nb" } }),
    device({ access: { ...CHOWN, from: -1 } }),
    device({ access: { ...CHOWN, to: 2 ** 32 - 1 } }),
    device({ access: { ...CHOWN, inode: "77" } }),
    device({ access: { ...MKNOD, name: "../x" } }),
    device({ access: { ...MKNOD, name: ".." } }),
    device({ access: { ...MKNOD, rdev: "7" } }),
    device({ access: { ...MKNOD, rootMode: 0o10000 } }),
    device({ access: { ...MKNOD, kind: "overlay" } }),
    device({ limits: { "iops-total": -1 } }),
    device({ limits: { "IOPS": 1 } }),
    device({ kind: "nic", access: undefined, linkState: "sideways" }),
    device({ kind: "nic" }),
    device({ pending: { ...DEVICE.pending, id: "-x" } }),
    device({ pending: { ...DEVICE.pending, requestedAt: "now" } }),
  ];
  for (const document of bad) {
    const error = refusal("bad-state-file", () => parse(document));
    assertStringIncludes(error.message, "vm1.json");
  }
  refusal("bad-state-file", () => parseOwnRecord("{", place()));
  parse(device({ access: MKNOD }));
});

Deno.test("knownNotes() says which part is wrong", () => {
  const devices = { [UUID]: { ...DEVICE, access: { ...CHOWN, path: "x" } } };
  const error = refusal(
    "bad-state-file",
    () => parse({ version: 1, devices }),
  );
  assertStringIncludes(
    error.message,
    `${UUID}.access.path must be an absolute path: it is "x"`,
  );
});

Deno.test("a note of a later release's kind stays, and means nothing", () => {
  const here = place();
  const later = { kind: "tape", access: { way: "robot" }, limits: "none" };
  const [other, mine] = [uuidOf("disk", 1), { kind: "disk", via: "path" }];
  changeOwnRecord(here, QEMU, {
    uuid: other,
    after: later as unknown as OwnDevice,
  });
  changeOwnRecord(here, QEMU, { uuid: UUID, after: mine as OwnDevice });
  const record = readOwnRecord(here);
  assertEquals(record.devices, { [other]: later, [UUID]: mine });
  assertEquals(knownNotes(record, NOTES, here).devices, { [UUID]: mine });
  changeOwnRecord(here, QEMU, { uuid: UUID, after: null });
  assertEquals(readOwnRecord(here).devices, { [other]: later });
  Deno.removeSync(here.runDir, { recursive: true });
});

/**
 * What release 0.1 (commit 2576931) made of `before`, read and written by its
 * lib/state/own_record.ts: a disk's limits changed, the disk forgotten, and the
 * limits changed once another QEMU ran.
 */
const VERSION1: Record<"before" | "changed" | "forgotten" | "anew", unknown> =
  JSON.parse(Deno.readTextFileSync(
    new URL("../testdata/own_record_version1.json", import.meta.url),
  ));

const VCPU = {
  kind: "vcpu",
  words: ["-device", "qemu64-x86_64-cpu,id=vcpu-3,socket-id=3"],
  pending: {
    ...{ id: "vcpu-3", title: "vcpu-3" },
    requestedAt: "2026-11-22T21:00:00.5Z",
  },
};

Deno.test("notes by device id outlive what release 0.1 writes", () => {
  const read = (name: keyof typeof VERSION1) =>
    parseOwnRecord(JSON.stringify(VERSION1[name]), place()).devices;
  const limits = (total: number) => ({
    [UUID]: { kind: "disk", limits: { "iops-total": total } },
  });
  assertEquals(read("before"), { ...limits(100), "vcpu-3": VCPU });
  assertEquals(read("changed"), { ...limits(200), "vcpu-3": VCPU });
  assertEquals(read("forgotten"), { "vcpu-3": VCPU });
  // What was asked of another QEMU is not asked of this one.
  const { kind, words } = VCPU;
  assertEquals(read("anew"), { ...limits(200), "vcpu-3": { kind, words } });
  const record = parseOwnRecord(JSON.stringify(VERSION1.before), place());
  assertEquals(JSON.parse(formatOwnRecord(record)), VERSION1.before);
});

Deno.test("own-record notes a device by its id, and takes that back", async () => {
  const here = place();
  changeOwnRecord(here, QEMU, { uuid: UUID, after: DEVICE });
  const path = `${here.runDir}/kvm-hotplug/vm1.json`;
  const before = Deno.readTextFileSync(path);
  assertEquals(Object.keys(JSON.parse(before)), ["version", "qemu", "devices"]);
  const step: OwnRecordStep = {
    kind: "own-record",
    place: here,
    qemu: QEMU,
    change: { uuid: "vcpu-3", before: null, after: VCPU },
  };
  const kind = kindOf(step);
  await kind.do(step, {} as World);
  assertEquals(await kind.confirm(step, {} as World), "done");
  const { devices, byId, byIdFor } = JSON.parse(Deno.readTextFileSync(path));
  assertEquals([Object.keys(devices), byIdFor], [[UUID], QEMU]);
  assertEquals(byId, { "vcpu-3": VCPU });
  await kind.undo(step, {} as World);
  assertEquals(Deno.readTextFileSync(path), before);
  Deno.removeSync(here.runDir, { recursive: true });
});

Deno.test("recordFor() keeps of another process only what must be given back", () => {
  const record = {
    ...EMPTY_RECORD,
    qemu: QEMU,
    devices: { [UUID]: DEVICE, [uuidOf("disk", 1)]: { kind: "disk" } },
  } as const;
  assertEquals(recordFor(record, { ...QEMU }), record);
  const cut = { kind: "disk", via: "chown", access: CHOWN };
  for (const other of [{ ...QEMU, start: 13 }, null]) {
    const now = recordFor(record, other);
    assertEquals([now.qemu, now.devices], [other, { [UUID]: cut }]);
  }
});

Deno.test("applyOwnChange() touches one device only and may be repeated", () => {
  const other = uuidOf("disk", 1);
  const record = { ...EMPTY_RECORD, devices: { [other]: DEVICE } };
  const change = { uuid: UUID, after: DEVICE };
  const once = applyOwnChange(record, change);
  assertEquals(Object.keys(once.devices).sort(), [UUID, other].sort());
  assertEquals(applyOwnChange(once, change), once);
  assertEquals(applyOwnChange(once, { uuid: UUID, after: null }), record);
});

Deno.test("changeOwnRecord() makes, changes and removes a file of root's alone", () => {
  const here = place();
  assertEquals(readOwnRecord(here), EMPTY_RECORD);
  changeOwnRecord(here, QEMU, { uuid: UUID, after: DEVICE });
  const path = `${here.runDir}/kvm-hotplug/vm1.json`;
  const { mode, uid } = Deno.statSync(path);
  assertEquals([(mode ?? 0) & 0o7777, uid], [0o600, 0]);
  assertEquals(readOwnRecord(here).devices, { [UUID]: DEVICE });
  changeOwnRecord(here, QEMU, { uuid: UUID, after: null });
  assertEquals([...Deno.readDirSync(`${here.runDir}/kvm-hotplug`)], []);
  Deno.removeSync(here.runDir, { recursive: true });
});

Deno.test("readOwnRecord() refuses a link, another mode and another owner", () => {
  const here = place();
  changeOwnRecord(here, QEMU, { uuid: UUID, after: DEVICE });
  const path = `${here.runDir}/kvm-hotplug/vm1.json`;
  Deno.chmodSync(path, 0o644);
  refusal("bad-state-file", () => readOwnRecord(here));
  Deno.chmodSync(path, 0o600);
  Deno.chownSync(path, 65534, 0);
  refusal("bad-state-file", () => readOwnRecord(here));
  Deno.renameSync(path, `${path}.moved`);
  Deno.symlinkSync(`${path}.moved`, path);
  refusal("bad-state-file", () => readOwnRecord(here));
  refusal(
    "bad-state-file",
    () => changeOwnRecord(here, QEMU, { uuid: UUID, after: null }),
  );
  Deno.chmodSync(`${here.runDir}/kvm-hotplug`, 0o755);
  refusal("refused", () => readOwnRecord(here));
  Deno.removeSync(here.runDir, { recursive: true });
});

Deno.test("readOwnRecord() says once what is wrong with the text", () => {
  const here = place();
  changeOwnRecord(here, QEMU, { uuid: UUID, after: DEVICE });
  const path = `${here.runDir}/kvm-hotplug/vm1.json`;
  // All is well with it, but for the link.
  Deno.renameSync(path, `${path}.moved`);
  Deno.symlinkSync(`${path}.moved`, path);
  refusal("bad-state-file", () => readOwnRecord(here));
  Deno.renameSync(`${path}.moved`, path);
  const texts: [string, Uint8Array][] = [
    ["version", new TextEncoder().encode("{}")],
    ["JSON", new TextEncoder().encode("{")],
    ["encoded data", new Uint8Array([0x22, 0xff, 0x22])],
    ["longer than", new Uint8Array(1024 * 1024 + 1).fill(0x20)],
  ];
  for (const [why, bytes] of texts) {
    Deno.writeFileSync(path, bytes);
    const { message } = refusal("bad-state-file", () => readOwnRecord(here));
    assertStringIncludes(message, why);
    assertEquals(message.split("Cannot use the record").length, 2, message);
  }
  Deno.removeSync(path);
  new Deno.Command("mkfifo", { args: ["-m", "600", path] }).outputSync();
  const { message } = refusal("bad-state-file", () => readOwnRecord(here));
  assertStringIncludes(message, "must be a file");
  Deno.removeSync(here.runDir, { recursive: true });
});

Deno.test("readOwnRecord() forgets a held tap that is gone", () => {
  const here = place();
  const held = (name: string) =>
    ({ kind: "nic", access: { way: "held", name, ifindex: 1 } }) as OwnDevice;
  const lo = held("lo");
  changeOwnRecord(here, QEMU, { uuid: UUID, after: held("kvmhnone0") });
  changeOwnRecord(here, QEMU, { uuid: uuidOf("nic", 1), after: lo });
  changeOwnRecord(here, QEMU, { uuid: uuidOf("nic", 2), after: DEVICE });
  assertEquals(readOwnRecord(here).devices, {
    [uuidOf("nic", 1)]: lo,
    [uuidOf("nic", 2)]: DEVICE,
  });
  Deno.removeSync(here.runDir, { recursive: true });
});

Deno.test("own-record does, confirms and undoes a change", async () => {
  const step: OwnRecordStep = {
    kind: "own-record",
    place: place(),
    qemu: QEMU,
    change: { uuid: UUID, before: null, after: DEVICE },
  };
  const world = {} as World;
  const kind = kindOf(step);
  assertEquals(await kind.confirm(step, world), "not-done");
  await kind.do(step, world);
  assertEquals(await kind.confirm(step, world), "done");
  await kind.undo(step, world);
  await kind.undo(step, world);
  assertEquals(readOwnRecord(step.place), EMPTY_RECORD);
  assertStringIncludes(kind.describe(step).step, "via, access");
  Deno.removeSync(step.place.runDir, { recursive: true });
});
