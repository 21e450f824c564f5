import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { planMedium, readMedium } from "../../lib/disk/medium.ts";
import type { MediumFacts } from "../../lib/disk/medium_drive.ts";
import type { MediumSet } from "../../lib/disk/request.ts";
import { HotplugError } from "../../lib/errors.ts";
import {
  assert,
  disk,
  diskAddFacts,
  idOf,
  NO_USERS,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";

const ID = idOf("disk", 0);
const PLACE = { bus: "scsi.0", channel: 0, "scsi-id": 0, lun: 0 };
const CD = disk(0, 0, { hvinfo: { driver: "scsi-cd", id: ID, ...PLACE } });
const WISH: MediumSet = {
  kind: "disk-set-medium",
  instance: "vm1",
  device: uuidOf("disk", 0),
  path: "/srv/new.iso",
  lock: "heeded",
  migratable: "required",
};
const OUT = { ...WISH, path: null };

/** A drive with a medium in it. */
function given(
  more: Partial<Parameters<typeof diskAddFacts>[0]> & {
    readonly tray?: { readonly nodeName?: string; readonly isOpen?: boolean };
    readonly medium?: "none";
  } = {},
): MediumFacts {
  const { tray = {}, medium, ...spec } = more;
  const commands = ["open-tray", "close-tray", "insert-medium", "remove-medium"]
    .map((name) => `blockdev-${name}`);
  const all = diskAddFacts({
    disks: [CD],
    source: { path: "/srv/new.iso", identity: "inode of /srv/new.iso" },
    ...spec,
  });
  const qemu = {
    ...all.qemu,
    commands: new Set([...all.qemu.commands, ...commands]),
  };
  const there = {
    nodeName: ID,
    isThere: true,
    isOpen: false,
    isLocked: false,
    ...tray,
  };
  return {
    ...all,
    qemu,
    source: medium === "none" ? undefined : all.source,
    trays: new Map([[ID, there]]),
    users: NO_USERS,
  };
}

function plan(wish: MediumSet, facts: MediumFacts) {
  return planOf(planMedium(wish, facts));
}

function refused(
  code: Parameters<typeof planRefusal>[0],
  wish: MediumSet,
  facts: MediumFacts,
) {
  return planRefusal(
    code,
    facts,
    (one) => planMedium(wish, one),
  );
}

Deno.test("planMedium() changes the medium before it is recorded", () => {
  const changed = plan(WISH, given());
  assertEquals(stepNames(changed).slice(0, 8), [
    "stage-state",
    "open-source",
    "add-fd",
    "blockdev-add",
    "change-medium",
    "remove-fd",
    "commit-state",
    "blockdev-del",
  ]);
  const { from, to } = stepOf(changed, "change-medium");
  assertEquals([from, to], [ID, `${ID}-b`]);
  assertEquals(qmpStep(changed, "blockdev-del").arguments["node-name"], ID);
  assertEquals(qmpStep(changed, "blockdev-add").arguments["read-only"], true);
  const { change } = stepOf(changed, "stage-state");
  assert(change.change === "entry");
  const [object, link, uri] = JSON.parse(change.entry);
  assertEquals([link, uri], ["/srv/new.iso", null]);
  assertEquals(object.logical_id, ["loop", "/srv/new.iso"]);
  assertEquals(object.hvinfo["scsi-id"], 0);
  assertEquals(object.mode, "rw");
});

Deno.test("planMedium() takes the medium out and leaves the record", () => {
  const emptied = plan(OUT, given({ medium: "none" }));
  const names = ["change-medium", "blockdev-del"];
  assertEquals(stepNames(emptied).slice(0, 2), names);
  assertEquals(stepOf(emptied, "change-medium").to, null);
  assertEquals(emptied.warnings.length, 1);
});

Deno.test("planMedium() has nothing to do where all is so", () => {
  const cases: [MediumSet, MediumFacts][] = [
    [OUT, given({ medium: "none", tray: { nodeName: "" } })],
    [WISH, given({ source: { identity: "inode of /srv/d0.img" } })],
  ];
  for (const [wish, facts] of cases) {
    const decision = planMedium(wish, facts);
    assertEquals(decision.steps, []);
  }
});

Deno.test("planMedium() refuses what has no tray, or is no medium for it", () => {
  const noTray = { ...given(), trays: new Map() };
  assertStringIncludes(
    refused("refused", WISH, noTray).message,
    "no removable medium",
  );
  const readOnly = given({ source: { writeFault: "EROFS" } });
  assertStringIncludes(refused("refused", WISH, readOnly).message, "EROFS");
  const stuck = plan({ ...WISH, migratable: "not-needed" }, readOnly);
  const { change } = stepOf(stuck, "stage-state");
  assert(change.change === "entry");
  assertEquals(JSON.parse(change.entry)[0].mode, "ro");
  const drive = given({ tray: { nodeName: "#block123" } });
  refused("unsupported", WISH, drive);
  const twin = given({
    disks: [CD, disk(1, 13)],
    source: { identity: "inode of /srv/d1.img" },
  });
  refused("duplicate", WISH, twin);
});

Deno.test("planMedium() closes an open tray over the same medium", () => {
  const source = { identity: "inode of /srv/d0.img" };
  const closed = plan(WISH, given({ source, tray: { isOpen: true } }));
  assertEquals(stepNames(closed), ["change-medium"]);
  const { from, to } = stepOf(closed, "change-medium");
  assertEquals([from, to], [ID, ID]);
});

Deno.test("planMedium() records no start that would make another device", () => {
  const hvinfo = { driver: "scsi-cd", id: ID, ...PLACE };
  const [object] = disk(0, 0, { hvinfo, mode: "ro" });
  const modeWith = (diskType: string) => {
    const facts = given({
      disks: [[object, null, null]],
      hvparams: { disk_type: diskType },
      tray: { nodeName: "" },
    });
    const kvmCmd = ["kvm", "-device", "virtio-scsi-pci,id=scsi"];
    const runtime = { ...facts.content.runtime, kvmCmd };
    const content = { ...facts.content, runtime };
    const { change } = stepOf(plan(WISH, { ...facts, content }), "stage-state");
    assert(change.change === "entry");
    return JSON.parse(change.entry)[0].mode;
  };
  assertEquals(modeWith("paravirtual"), "rw");
  assertEquals(["ide", "scsi", "sd"].map(modeWith), ["ro", "ro", "ro"]);
});

Deno.test("planMedium() needs each command, and a VM at rest", () => {
  const names = [
    ...["open-tray", "close-tray", "insert-medium", "remove-medium"]
      .map((name) => `blockdev-${name}`),
    ...["add-fd", "blockdev-add", "blockdev-del"],
  ];
  for (const lacking of names) {
    const facts = given();
    const commands = new Set([...facts.qemu.commands]);
    assert(commands.delete(lacking), lacking);
    const { message } = refused("unsupported", WISH, {
      ...facts,
      qemu: { ...facts.qemu, commands },
    });
    assertEquals(message, `This QEMU's monitor lacks ${lacking}`);
  }
  const moving = given({ qemu: { migration: "active" } });
  refused("migrating", WISH, moving);
});

Deno.test("planMedium() refuses a medium that QEMU could not open", () => {
  const inUse = given({ source: { inUseBy: "pid 7" } });
  assertStringIncludes(refused("refused", WISH, inUse).message, "image lock");
  const threads = { disk_cache: "default", disk_aio: "native" };
  const { message } = refused("refused", WISH, given({ hvparams: threads }));
  assertStringIncludes(message, "aio native needs cache none");
});

Deno.test("planMedium() refuses a medium in use, or one that was opened by path", () => {
  const facts = given();
  const users = {
    ...NO_USERS,
    exports: [{ id: "backup", node: ID, type: "nbd" }],
  } as unknown as MediumFacts["users"];
  const { message } = refused("in-use", WISH, { ...facts, users });
  assertStringIncludes(message, "Cannot change the medium of disk 0");
  const noted = { kind: "disk", access: { via: "chown" } };
  const devices = { [uuidOf("disk", 0)]: noted };
  const record = { ...facts.own.record, devices };
  const own = { ...facts.own, record } as unknown as MediumFacts["own"];
  const { hint } = refused("unsupported", WISH, { ...facts, own });
  assertEquals(hint, "remove the drive and add it again");
});

Deno.test("planMedium() waits until QEMU has closed the old medium", () => {
  const [wait] = plan(WISH, given()).steps.slice(-1);
  assertEquals(wait?.kind, "await-release");
  const empty = plan(WISH, given({ tray: { nodeName: "" } }));
  assertEquals(empty.steps.at(-1)?.kind, "commit-state");
});

Deno.test("planMedium() tells of what is in the drive afterwards", () => {
  const { device, warnings } = planMedium(WISH, given());
  assertEquals([device?.source, device?.via, warnings], [
    ...["/srv/new.iso", "fdset", []],
  ]);
  const out = planMedium(OUT, given({ medium: "none" }));
  const names = ["size_bytes", "source", "format", "via", "cache", "aio"];
  assertEquals(names.map((name) => out.device?.[name]), [
    ...[0, null, null, null, null, null],
  ]);
  const empty = given({ tray: { nodeName: "" } });
  const filled = planMedium(WISH, empty).device;
  assertEquals([filled?.format, filled?.cache], ["raw", "writeback"]);
  assertEquals(out.warnings.map(({ code }) => code), ["medium-comes-back"]);
  // It is empty already: nothing comes back that was not there.
  const none = given({ medium: "none", tray: { nodeName: "" } });
  assertEquals(planMedium(OUT, none).warnings, []);
});

Deno.test("readMedium() pins a file, and takes no URI", async () => {
  const path = Deno.makeTempFileSync({ prefix: "kvm-hotplug-medium-" });
  try {
    Deno.writeTextFileSync(path, "x".repeat(512));
    const kept: string[] = [];
    const world = {
      keepFd(name: string, fd: Disposable) {
        kept.push(name);
        fd[Symbol.dispose]();
      },
    } as unknown as Parameters<typeof readMedium>[2];
    const read = (one: string | null) =>
      readMedium(given(), { ...WISH, path: one }, world);
    assertEquals(await read(null), undefined);
    assertEquals((await read(path))?.sizeBytes, 512);
    assertEquals(kept, ["source-pin"]);
    const error = await assertRejects(() => read("nbd://host/x"), HotplugError);
    assertStringIncludes(error.message, "nbd://host/x is a URI");
  } finally {
    Deno.removeSync(path);
  }
});
