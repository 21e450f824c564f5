/** SCSI disks into and out of a real guest, by the built executable. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { migrate, targetCommand, temporaryFolder } from "../lab/migrate.ts";
import { SCSI_MACHINE } from "../lab/scsi_machine.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool, toolHere } from "../lab/tool.ts";
import { Vm } from "../lab/vm.ts";

function uuid(n: number): string {
  return `d000000${n}-1111-4111-8111-00000000000${n}`;
}

async function images(vm: Vm, count: number): Promise<string[]> {
  const paths = Array.from(
    { length: count },
    (_, n) => `${vm.runDir}/s${n}.img`,
  );
  for (const [n, path] of paths.entries()) await makeImage(path, `scsi-${n}-`);
  return paths;
}

/** The call must be refused with this code, and change nothing. */
async function refused(vm: Vm, code: string, ...args: string[]) {
  const before = await snapshot(vm);
  const { status, json } = await tool(vm, ...args);
  assertEquals([status, json.error?.code], [3, code], JSON.stringify(json));
  assertEquals(json.changed, false);
  assertEquals(await snapshot(vm), before);
  return json.error as { message: string; hint: string };
}

async function add(vm: Vm, ...args: string[]) {
  const ran = await tool(vm, "disk", "add", vm.name, ...args);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
  return ran.json.device;
}

async function remove(vm: Vm, word: string) {
  const ran = await tool(vm, "disk", "remove", vm.name, word);
  assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
}

/** The guest's name for the disk on this target: /sys/class/scsi_device. */
function guestDisk(target: number): string {
  return `/dev/$(ls -d /sys/class/scsi_device/*:0:${target}:0/device/block/* | sed s,.*/,,)`;
}

eachRelease("SCSI disks, used by host and guest", async (vm, t) => {
  const [first = "", second = "", third = "", fourth = ""] = await images(
    vm,
    4,
  );
  const before = await snapshot(vm);

  await t.step("a dry run chooses and changes nothing", async () => {
    const dry = await tool(vm, "disk", "add", vm.name, first, "--dry-run");
    assertEquals([dry.status, dry.json.dry_run], [0, true], dry.stdout);
    assertEquals(dry.json.device.scsi_id, 0);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("the guest reads and writes it", async () => {
    const device = await add(vm, first, "--uuid", uuid(1));
    assertEquals(device.driver, "scsi-hd");
    assertEquals(device.id, "disk-d0000001-1111-4111");
    const { bus, channel, scsi_id, lun, slot, addr } = device;
    assertEquals([bus, channel, scsi_id, lun], ["scsi.0", 0, 0, 0]);
    assertEquals([slot, addr], [null, null]);
    const disk = guestDisk(0);
    await vm.waitGuest(`test -b ${disk}`);
    const read = await vm.guest(`dd if=${disk} bs=7 count=1 2>/dev/null`);
    assertEquals(read.output, "scsi-0-");
    const write = await vm.guest(
      `printf by-guest | dd of=${disk} bs=512 seek=8 conv=fsync`,
    );
    assertEquals(write.status, 0, write.output);
    const bytes = (await Deno.readFile(first)).subarray(4096, 4104);
    assertEquals(new TextDecoder().decode(bytes), "by-guest");
  });

  await t.step("the guest reads serial, WWN and rotation rate", async () => {
    const given = [
      ...["--serial", "uuid", "--wwn", "5000c50015ea71ac"],
      ...["--rotation-rate", "1", "--logical-block-size", "4096"],
    ];
    const device = await add(vm, second, "--uuid", uuid(9), ...given);
    assertEquals(
      [device.serial, device.wwn, device.rotation_rate],
      [uuid(9).slice(0, 20), "0x5000c50015ea71ac", 1],
    );
    const at = `/sys/class/scsi_device/*:0:${device.scsi_id}:0/device`;
    await vm.waitGuest(`test -b ${guestDisk(device.scsi_id)}`);
    const page = await vm.guest(`tail -c +5 ${at}/vpd_pg80`);
    assertEquals(page.output, uuid(9).slice(0, 20));
    const wwid = await vm.guest(`cat ${at}/wwid`);
    assertEquals(wwid.output.trim(), "naa.5000c50015ea71ac");
    const queue = `${at}/block/*/queue`;
    const { output } = await vm.guest(
      `cat ${queue}/rotational ${queue}/logical_block_size`,
    );
    assertEquals(output.trim(), "0\n4096");
    const again = await tool(
      vm,
      ...["disk", "add", vm.name, second, ...given.slice(2)],
    );
    assertEquals([again.status, again.json.changed], [0, false], again.stdout);
    await remove(vm, uuid(9));
  });

  await t.step("the CD-ROM's target is taken", async () => {
    const device = await add(
      vm,
      ...[second, "--uuid", uuid(2), "--id-scheme", "design"],
    );
    assertEquals([device.scsi_id, device.id], [2, "disk-d0000002-scsi-2"]);
    const words = ["disk", "add", vm.name, third];
    const error = await refused(vm, "no-free-slot", ...words, "--slot", "1");
    assertStringIncludes(error.message, "peripheral-anon");
    const taken = await refused(vm, "no-free-slot", ...words, "--slot", "2");
    assertStringIncludes(taken.message, "disk-d0000002-scsi-2");
    await refused(vm, "no-free-slot", ...words, "--slot", "16");
    await refused(vm, "unsupported", ...words, "--bus", "scsi.1");
    await refused(vm, "refused", ...words, "--queues", "2");
  });

  await t.step("repeated, it changes nothing", async () => {
    const now = await snapshot(vm);
    const again = await tool(vm, "disk", "add", vm.name, second);
    assertEquals([again.status, again.json.changed], [0, false]);
    assertEquals(again.json.device.scsi_id, 2);
    assertEquals(await snapshot(vm), now);
  });

  await t.step("limits hold for it, by its own name", async () => {
    const words = ["disk", "set", vm.name, uuid(2), "--iops"];
    const limited = await tool(vm, ...words, "100");
    assertEquals(limited.status, 0, limited.stdout);
    assertEquals(limited.json.device.limits, { iops: 100 });
    const again = await tool(vm, ...words, "100");
    assertEquals([again.status, again.json.changed], [0, false]);
    assertEquals((await tool(vm, ...words, "0")).status, 0);
  });

  await t.step("file and QEMU agree", async () => {
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(
      json.devices.map((one: { status: string }) => one.status),
      ["ok", "ok"],
    );
    const shown = await tool(vm, "state", "show", vm.name, "--verify");
    assertEquals(shown.json.verify, { ok: true, differences: [] });
  });

  await t.step("a CD-ROM is read, and not written", async () => {
    const device = await add(vm, third, "--driver", "scsi-cd");
    assertEquals([device.driver, device.scsi_id], ["scsi-cd", 3]);
    const disk = guestDisk(3);
    await vm.waitGuest(`test -b ${disk}`);
    const read = await vm.guest(`dd if=${disk} bs=2048 count=1 | head -c 7`);
    assertStringIncludes(read.output, "scsi-2-");
    const write = await vm.guest(`echo x | dd of=${disk} conv=fsync`);
    assertEquals(write.status, 1, write.output);
  });

  await t.step("what is no SCSI device is not passed through", async () => {
    for (const driver of ["scsi-block", "scsi-generic"]) {
      const words = ["disk", "add", vm.name, fourth, "--driver", driver];
      const error = await refused(vm, "unsupported", ...words);
      assertStringIncludes(error.message, driver);
    }
  });

  await t.step("a target that is free again is used again", async () => {
    await remove(vm, uuid(2));
    const device = await add(vm, fourth, "--uuid", uuid(4));
    assertEquals(device.scsi_id, 2);
    const disk = guestDisk(2);
    await vm.waitGuest(`test -b ${disk}`);
    const read = await vm.guest(`dd if=${disk} bs=7 count=1 2>/dev/null`);
    assertEquals(read.output, "scsi-3-");
  });

  await t.step("removed in another order, all is as before", async () => {
    for (const word of [uuid(1), "-1", "0"]) await remove(vm, word);
    const gone = await vm.guest("ls -d /sys/class/scsi_device/*:0:2:0");
    assertEquals(gone.status === 0, false, gone.output);
    assertEquals(await snapshot(vm), before);
  });
}, SCSI_MACHINE);

eachRelease("SCSI disks migrate into a target from the file", async (vm) => {
  await using other = await temporaryFolder();
  await using folder = await temporaryFolder();
  const paths = ["hd", "cd"].map((name) => `${folder.path}/${name}.img`);
  const [hd = "", cd = ""] = paths;
  for (const path of paths) await makeImage(path, path.slice(-6));
  await add(vm, hd, "--uuid", uuid(1));
  await add(vm, cd, "--uuid", uuid(2), "--driver", "scsi-cd");
  for (const target of [0, 2]) {
    await vm.waitGuest(`test -b ${guestDisk(target)}`);
  }
  const uri = `unix:${other.path}/migration`;
  const argv = await targetCommand(vm, other.path, uri);
  await using target = await Vm.target({
    name: vm.name,
    runDir: other.path,
    argv,
  });
  await Deno.copyFile(vm.runtimePath, target.runtimePath);
  await migrate(vm, target, uri);
  const read = await target.guest(
    `dd if=${guestDisk(0)} bs=6 count=1 iflag=direct 2>/dev/null`,
  );
  assertEquals(read.output, "hd.img");
  const write = await target.guest(
    `printf moved | dd of=${guestDisk(0)} bs=512 seek=8 conv=fsync`,
  );
  assertEquals(write.status, 0, write.output);
  const bytes = (await Deno.readFile(hd)).subarray(4096, 4101);
  assertEquals(new TextDecoder().decode(bytes), "moved");
  const { json } = await tool(target, "state", "show", vm.name, "--verify");
  assertEquals(json.verify, { ok: true, differences: [] });
  for (const word of [uuid(1), uuid(2)]) await remove(target, word);
}, SCSI_MACHINE);

eachRelease("NVMe disks, only where nothing must migrate", async (vm) => {
  const [image = ""] = await images(vm, 1);
  const before = await snapshot(vm);
  const words = [image, "--driver", "nvme"];
  await refused(vm, "refused", "disk", "add", vm.name, ...words);
  const device = await add(vm, ...words, "--not-migratable");
  assertEquals([device.driver, device.slot], ["nvme", 12]);
  const command = await tool(vm, "state", "command", vm.name);
  assertEquals(command.json.error.code, "unsupported");
  await vm.waitGuest("test -b /dev/nvme0n1");
  const read = await vm.guest("dd if=/dev/nvme0n1 bs=7 count=1 2>/dev/null");
  assertEquals(read.output, "scsi-0-");
  const write = await vm.guest(
    "printf by-guest | dd of=/dev/nvme0n1 bs=512 seek=8 conv=fsync",
  );
  assertEquals(write.status, 0, write.output);
  await remove(vm, "0");
  assertEquals(await snapshot(vm), before);
});

for (
  const [controller, targets] of [["lsi", 7], ["megasas", 16]] as const
) {
  eachRelease(`SCSI targets of ${controller}`, async (vm) => {
    const paths = await images(vm, targets + 1);
    const before = await snapshot(vm);
    const last = paths.pop() ?? "";
    for (const [n, path] of paths.entries()) {
      const { json } = await toolHere(vm, "disk", "add", vm.name, path);
      assertEquals(json.device?.scsi_id, n, JSON.stringify(json));
    }
    const error = await refused(
      vm,
      "no-free-slot",
      "disk",
      "add",
      vm.name,
      last,
    );
    assertMatch(error.message, new RegExp(`in use \\(0 to ${targets - 1}\\)`));
    await remove(vm, "3");
    assertEquals((await add(vm, last)).scsi_id, 3);
    for (const _ of paths) {
      const ran = await toolHere(vm, "disk", "remove", vm.name, "0");
      assertEquals(ran.status, 0, ran.stdout);
    }
    assertEquals(await snapshot(vm), before);
  }, {
    guest: "none",
    extraArgs: ["-device", `${controller},id=scsi`],
    runtime: { hvparams: { disk_type: "scsi-hd" } },
  });
}
