/** Another medium in the drive of a real guest, or none. */
import type { Remark } from "../../lib/errors.ts";
import { saidIn } from "../support/document.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { migrate, targetCommand, temporaryFolder } from "../lab/migrate.ts";
import { SCSI_MACHINE } from "../lab/scsi_machine.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import { Vm } from "../lab/vm.ts";

const DRIVE = "d0000001-1111-4111-8111-000000000001";
const SR =
  "/dev/$(ls -d /sys/class/scsi_device/*:0:0:0/device/block/* | sed s,.*/,,)";

/** The first bytes of what the guest finds in its drive. */
async function readBy(vm: Vm): Promise<string> {
  const read = `dd if=${SR} bs=2048 count=1 2>/dev/null | head -c 6`;
  return (await vm.guest(read)).output;
}

async function set(vm: Vm, ...words: string[]) {
  return await tool(vm, "disk", "set", vm.name, DRIVE, ...words);
}

/** The call must succeed and have changed something. */
async function expectSet(vm: Vm, ...words: string[]) {
  const ran = await set(vm, ...words);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  return ran.json;
}

async function verified(vm: Vm) {
  const { json } = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(json.verify, { ok: true, differences: [] });
}

eachRelease("disk set --medium, as the guest sees it", async (vm, t) => {
  await using folder = await temporaryFolder();
  const [one = "", two = ""] = ["one", "two"].map((name) =>
    `${folder.path}/${name}.iso`
  );
  await makeImage(one, "first-");
  await makeImage(two, "second");
  const empty = await snapshot(vm);
  const added = await tool(
    vm,
    ...["disk", "add", vm.name, one, "--driver", "scsi-cd", "--uuid", DRIVE],
  );
  assertEquals(added.status, 0, added.stdout);
  await vm.waitGuest(`test -b ${SR}`);
  assertEquals(await readBy(vm), "first-");

  await t.step("a dry run changes nothing", async () => {
    const before = await snapshot(vm);
    const dry = await set(vm, "--medium", two, "--dry-run");
    assertEquals([dry.status, dry.json.changed], [0, false], dry.stdout);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("it is changed, recorded, and the old one let go", async () => {
    const { device } = await expectSet(vm, "--medium", two);
    assertEquals([device.source, device.scsi_id], [two, 0]);
    assertEquals(await readBy(vm), "second");
    const [, , , disks] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    assertEquals(disks[0][1], two);
    assertEquals(disks[0][0].logical_id[1], two);
    const { nodes } = await snapshot(vm);
    assertEquals(nodes.filter((name) => name.startsWith("disk-")).length, 1);
    await verified(vm);
    const again = await set(vm, "--medium", two);
    assertEquals([again.status, again.json.changed], [0, false]);
  });

  await t.step("it is taken out, and may be again", async () => {
    const { device, warnings } = await expectSet(vm, "--medium", "none");
    assertEquals([device.source, device.format], [null, null]);
    assertEquals(warnings.length, 1);
    assertEquals(await readBy(vm), "");
    const { json } = await tool(vm, "list", vm.name);
    assertEquals([json.devices[0].source, json.devices[0].status], [
      null,
      "ok",
    ]);
    await verified(vm);
    const again = await set(vm, "--medium", "none");
    assertEquals([again.status, again.json.changed], [0, false]);
  });

  await t.step("the same goes in again", async () => {
    await expectSet(vm, "--medium", two);
    assertEquals(await readBy(vm), "second");
  });

  await t.step("an open tray is closed over the same, or another", async () => {
    const open = () =>
      vm.qmp.execute("blockdev-open-tray", { id: "disk-d0000001-1111-4111" });
    await open();
    await expectSet(vm, "--medium", two);
    assertEquals(await readBy(vm), "second");
    await open();
    await expectSet(vm, "--medium", one);
    assertEquals(await readBy(vm), "first-");
    await verified(vm);
  });

  await t.step("a paused VM gets another, too", async () => {
    await vm.qmp.execute("stop");
    await expectSet(vm, "--medium", two);
    // QEMU 7.2 keeps the fd set until the VM runs again.
    const { warnings } = await expectSet(vm, "--medium", one);
    const kept = warnings.filter(({ message }: Remark) =>
      message.includes("fd set")
    );
    await vm.qmp.execute("cont");
    assertEquals(await readBy(vm), "first-");
    const { json } = await tool(vm, "repair", vm.name);
    assertEquals([json.remaining, json.repaired.length > 0], [
      [],
      kept.length > 0,
    ]);
    await expectSet(vm, "--medium", two);
  });

  await t.step("a locked tray is told of, and forced", async () => {
    // An open of the drive locks its tray: drivers/cdrom/cdrom.c.
    await vm.guest(`sleep 60 < ${SR} >/dev/null 2>&1 &`);
    await until(async () => {
      const drives = await vm.qmp.execute("query-block") as {
        locked: boolean;
      }[];
      return drives.some(({ locked }) => locked) || undefined;
    }, { what: "lock of the tray" });
    const before = await snapshot(vm);
    const held = await set(vm, "--medium", one, "--unplug-timeout", "0.5");
    assertEquals([held.status, held.json.error?.code], [6, "unplug-rejected"]);
    assertStringIncludes(held.json.error.message, "locked");
    assertEquals(await snapshot(vm), before);
    await expectSet(vm, "--medium", one, "--force");
    await vm.guest("killall sleep");
    assertEquals(await readBy(vm), "first-");
  });

  await t.step("what is no medium is refused", async () => {
    const before = await snapshot(vm);
    for (const path of ["/dev/zero", `${folder.path}/missing`]) {
      const ran = await set(vm, "--medium", path);
      assertEquals([ran.status, ran.json.error?.code], [3, "refused"]);
    }
    assertEquals(await snapshot(vm), before);
  });

  await t.step("the drive goes with its medium", async () => {
    const remove = await tool(vm, "disk", "remove", vm.name, DRIVE);
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals(await snapshot(vm), empty);
  });
}, SCSI_MACHINE);

eachRelease("a medium whose old one QEMU keeps open stays in", async (vm) => {
  await using folder = await temporaryFolder();
  const [one = "", two = ""] = ["one", "two"].map((name) =>
    `${folder.path}/${name}.iso`
  );
  await makeImage(one, "first-");
  await makeImage(two, "second");
  const words = ["disk", "add", vm.name, one, "--driver", "scsi-cd"];
  await tool(vm, ...words, "--uuid", DRIVE);
  await vm.waitGuest(`test -b ${SR}`);
  // No drive has it, so that nothing tells why it is open.
  const extra = { "node-name": "extra", driver: "file", filename: one };
  await vm.qmp.execute("blockdev-add", { ...extra, "read-only": true });
  const { status, json } = await set(vm, "--medium", two);
  assertEquals([status, json.error?.code], [7, "rollback-incomplete"]);
  assertEquals(await readBy(vm), "second");
  await vm.qmp.execute("blockdev-del", { "node-name": "extra" });
  const repaired = await tool(vm, "repair", vm.name);
  assertEquals([repaired.status, repaired.json.repaired.length], [0, 1]);
  assertEquals(await readBy(vm), "second");
  const { json: { devices: [device] } } = await tool(vm, "list", vm.name);
  assertEquals([device.source, device.status], [two, "ok"]);
  await verified(vm);
}, SCSI_MACHINE);

eachRelease("an empty drive migrates as it is", async (vm) => {
  await using folder = await temporaryFolder();
  await using other = await temporaryFolder();
  const image = `${folder.path}/one.iso`;
  await makeImage(image, "first-");
  await tool(
    vm,
    ...["disk", "add", vm.name, image, "--driver", "scsi-cd", "--uuid", DRIVE],
  );
  await vm.waitGuest(`test -b ${SR}`);
  await expectSet(vm, "--medium", "none");
  const uri = `unix:${other.path}/migration`;
  const argv = await targetCommand(vm, other.path, uri);
  const { name } = vm;
  await using target = await Vm.target({ name, runDir: other.path, argv });
  await Deno.copyFile(vm.runtimePath, target.runtimePath);
  await migrate(vm, target, uri);
  assertEquals(await readBy(target), "");
  await expectSet(target, "--medium", image);
  assertEquals(await readBy(target), "first-");
}, SCSI_MACHINE);

eachRelease("an empty drive is added, and filled later", async (vm, t) => {
  await using folder = await temporaryFolder();
  const image = `${folder.path}/one.iso`;
  await makeImage(image, "first-");
  const empty = await snapshot(vm);
  const add = (...more: string[]) =>
    tool(vm, ...["disk", "add", vm.name, "none", "--uuid", DRIVE, ...more]);
  const refused = ({ status, json }: Awaited<ReturnType<typeof add>>) =>
    assertEquals([status, json.error.code], [3, "refused"]);

  await t.step("only a CD-ROM, and only if nothing must migrate", async () => {
    refused(await add("--driver", "scsi-hd", "--not-migratable"));
    refused(await add("--driver", "scsi-cd"));
    assertEquals(await snapshot(vm), empty);
  });

  await t.step("the guest has a drive without a medium", async () => {
    const added = await add("--driver", "scsi-cd", "--not-migratable");
    assertEquals([added.status, added.json.device.source], [0, null]);
    await vm.waitGuest(`test -b ${SR}`);
    assertEquals(await readBy(vm), "");
    const { json } = await tool(vm, "list", vm.name);
    const [{ source, status, size_bytes, format, cache }] = json.devices;
    assertEquals([source, status], [null, "ok"]);
    assertEquals([size_bytes, format, cache], [0, null, null]);
    await verified(vm);
    const start = await tool(vm, "state", "command", vm.name);
    assertEquals(start.json.error.code, "unsupported");
    const again = await add("--driver", "scsi-cd", "--not-migratable");
    assertEquals([again.status, again.json.changed], [0, false]);
    refused(await set(vm, "--iops", "100"));
    refused(await tool(vm, "disk", "resize", vm.name, DRIVE));
  });

  await t.step("with a medium a start can repeat it", async () => {
    const { device } = await expectSet(vm, "--medium", image);
    assertEquals([device.via, device.source], ["fdset", image]);
    assertEquals([device.format, device.cache], ["raw", "writeback"]);
    const { json } = await tool(vm, "list", vm.name);
    const { format, cache } = json.devices[0];
    assertEquals([format, cache], [device.format, device.cache]);
    assertEquals(await readBy(vm), "first-");
    const start = await tool(vm, "state", "command", vm.name);
    assertEquals(start.status, 0, start.stdout);
    await verified(vm);
  });

  await t.step("removed, all is as before", async () => {
    await expectSet(vm, "--medium", "none");
    const remove = await tool(vm, "disk", "remove", vm.name, DRIVE);
    assertEquals(remove.status, 0, remove.stdout);
    assertEquals(await snapshot(vm), empty);
  });
}, SCSI_MACHINE);

const SHARED = (runDir: string) => [
  ...SCSI_MACHINE.extraArgs ?? [],
  ...["-drive", "if=ide,media=cdrom,readonly=on,format=raw,file="]
    .map((word) => word.endsWith("=") ? `${word}${runDir}/one.img` : word),
];

eachRelease("a medium that lies in another drive, too", async (vm) => {
  const image = `${vm.runDir}/one.img`;
  const before = await snapshot(vm);
  const words = ["disk", "add", vm.name, image, "--uuid", DRIVE];
  const added = await tool(vm, ...words, "--driver", "scsi-cd");
  assertEquals(added.status, 0, added.stdout);
  const { status, json } = await tool(vm, "disk", "remove", vm.name, DRIVE);
  assertEquals([status, json.changed], [0, true]);
  assertStringIncludes(saidIn(json.warnings), "for its drive ide0-cd0");
  assertEquals(await snapshot(vm), before);
}, async (runDir) => {
  await makeImage(`${runDir}/one.img`, "first-");
  return { guest: "none", extraArgs: SHARED(runDir) };
});
