/** `state show --verify` on real machines, in order and in disorder. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const uuid = (n: number) => `d000000${n}-1111-4111-8111-00000000000${n}`;
const idOf = (n: number) => `disk-${uuid(n).slice(0, 18)}`;

/** Where Ganeti has the link of a disk. */
function linkOf({ runDir, name }: { runDir: string; name: string }, n: number) {
  return `${runDir}/instance-disks/${name}:${n}`;
}

/** The disk with this number, as Ganeti records one of its own. */
function ganetiDisk(runDir: string, n: number) {
  const hvinfo = {
    driver: "virtio-blk-pci",
    id: idOf(n),
    bus: "pci.0",
    addr: `0x${(12 + n).toString(16)}`,
  };
  const disk = {
    dev_type: "file",
    logical_id: ["loop", `${runDir}/d${n}.img`],
    iv_name: `disk/${n}`,
    size: 8,
    mode: "rw",
    params: {},
    hvinfo,
    serial_no: 1,
    uuid: uuid(n),
    ctime: 1700000000.5,
  };
  return [disk, linkOf({ runDir, name: NAME }, n), null] as const;
}

const NAME = "vm1.example.com";

async function link(vm: Vm, n: number, to: number) {
  const path = linkOf(vm, n);
  await Deno.remove(path).catch(() => {});
  await Deno.symlink(`${vm.runDir}/d${to}.img`, path);
}

async function differences(
  vm: Vm,
): Promise<{ message: string; hint: string }[]> {
  const ran = await tool(vm, "state", "show", vm.name, "--verify");
  const { ok, verify } = ran.json;
  const found = verify.differences.length > 0;
  assertEquals([ok, verify.ok, ran.status], [true, !found, found ? 3 : 0]);
  return verify.differences;
}

async function only(vm: Vm): Promise<{ message: string; hint: string }> {
  const [one, ...more] = await differences(vm);
  assertEquals([one !== undefined, more], [true, []], JSON.stringify(more));
  return one as { message: string; hint: string };
}

/** Two disks of Ganeti's own, whose links lead to the images. */
async function twoDisks(runDir: string) {
  await Deno.mkdir(`${runDir}/instance-disks`, { recursive: true });
  for (const n of [0, 1]) {
    await makeImage(`${runDir}/d${n}.img`, "x");
    await Deno.symlink(
      `${runDir}/d${n}.img`,
      linkOf({ runDir, name: NAME }, n),
    );
  }
  const disks = [ganetiDisk(runDir, 0), ganetiDisk(runDir, 1)];
  return { guest: "none" as const, runtime: { disks } };
}

eachRelease("state show --verify finds links that drifted", async (vm) => {
  assertEquals(await differences(vm), []);

  // SPEC 10.1, item 1: two disks silently swapped at the next migration.
  await link(vm, 0, 1);
  await link(vm, 1, 0);
  const swapped = await differences(vm);
  assertEquals(swapped.length, 2);
  assertMatch(
    swapped[0]?.message ?? "",
    /link .*:0 of disk 0 leads to another/,
  );

  // The hints mend it.
  for (const { hint } of swapped) {
    const { success } = await new Deno.Command("sh", { args: ["-c", hint] })
      .output();
    assertEquals(success, true, hint);
  }
  assertEquals(await differences(vm), []);

  await link(vm, 1, 0);
  const same = await differences(vm);
  assertEquals(same.length, 2);
  assertStringIncludes(
    same[0]?.message ?? "",
    "the same disk as the link of disk 1",
  );

  await Deno.remove(linkOf(vm, 1));
  assertStringIncludes((await only(vm)).message, "leads nowhere");

  await makeImage(`${vm.runDir}/d2.img`, "another");
  await link(vm, 1, 2);
  assertStringIncludes((await only(vm)).message, "leads to another disk than");
}, twoDisks);

eachRelease("state show --verify finds what was done by hand", async (vm) => {
  const nic = await tool(vm, "nic", "add", vm.name);
  assertEquals(nic.status, 0, nic.stdout);
  assertEquals(await differences(vm), []);

  const file = `${vm.layout.nic}/0`;
  await Deno.writeTextFile(file, "tap-of-nobody");
  const { message, hint } = await only(vm);
  assertStringIncludes(message, "names tap-of-nobody");
  await new Deno.Command("sh", { args: ["-c", hint] }).output();
  assertEquals(await Deno.readTextFile(file), nic.json.device.tap);

  await vm.qmp.execute("device_add", { driver: "virtio-rng-pci", id: "rng9" });
  assertStringIncludes((await only(vm)).message, "virtio-rng-pci rng9");

  const text = await Deno.readTextFile(vm.runtimePath);
  const moved = text.replace('"addr": "0xc"', '"addr": "0x1c"')
    .replace(nic.json.device.mac, "aa:00:00:ff:ff:ff");
  await Deno.writeTextFile(vm.runtimePath, moved);
  const all = (await differences(vm)).map((one) => one.message).join("\n");
  assertStringIncludes(all, "recorded in slot 28 of pci.0");
  assertStringIncludes(all, "MAC aa:00:00:ff:ff:ff");

  // A machine that does not run cannot be compared, and can be shown.
  await vm.kill();
  const shown = await tool(vm, "state", "show", vm.name);
  assertEquals(shown.status, 0);
  const verified = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(verified.json.error.code, "not-running");
}, { guest: "none" });

/** A file of Ganeti 2.12: slots alone, ids from the slot. */
async function oldFile(vm: Vm) {
  const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const { hvinfo: _, ...disk } = ganetiDisk(vm.runDir, 1)[0];
  const entry = [{ ...disk, pci: 13 }, `${vm.runDir}/d1.img`, null];
  const text = JSON.stringify([...tuple.slice(0, 3), [entry]]);
  await Deno.writeTextFile(vm.runtimePath, text);
}

eachRelease(
  "a disk that Ganeti 2.12 hot-added is found and removed",
  async (vm) => {
    await makeImage(`${vm.runDir}/d1.img`, "x");
    const id = `hotdisk-${uuid(1).slice(0, 8)}-pci-13`;
    const file = `file=${vm.runDir}/d1.img`;
    await vm.qmp.hmp(`drive_add dummy ${file},if=none,id=${id},format=raw`);
    await vm.qmp.execute("device_add", {
      driver: "virtio-blk-pci",
      drive: id,
      id,
      bus: "pci.0",
      addr: "0xd",
    });
    await oldFile(vm);
    await vm.waitGuest("test -b /dev/vda");
    const { json } = await tool(vm, "list", vm.name);
    assertEquals([json.devices[0].id, json.devices[0].status], [id, "ok"]);
    assertEquals(await differences(vm), []);
    const removed = await tool(vm, "disk", "remove", vm.name, uuid(1));
    assertEquals([removed.status, removed.json.changed], [0, true]);
    assertEquals((await vm.guest("test -b /dev/vda")).status, 1);
    const shown = await tool(vm, "state", "show", vm.name);
    assertEquals([shown.json.current, shown.json.raw[3]], [true, []]);
  },
);

/** A disk that Ganeti started as IDE: it has no device id in QEMU. */
async function ideDisk(runDir: string) {
  await makeImage(`${runDir}/ide.img`, "x");
  return {
    guest: "none" as const,
    extraArgs: [
      "-drive",
      `file=${runDir}/ide.img,if=ide,id=${idOf(0)},format=raw`,
    ],
  };
}

eachRelease("an IDE disk is listed, and never taken out", async (vm) => {
  const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
  const [disk] = ganetiDisk(vm.runDir, 0);
  const hvinfo = { ...disk.hvinfo, driver: "ide" };
  tuple[3] = [[{ ...disk, hvinfo }, `${vm.runDir}/ide.img`, null]];
  await Deno.writeTextFile(vm.runtimePath, JSON.stringify(tuple) + "\n");
  const { json } = await tool(vm, "list", vm.name);
  assertEquals(json.devices.map((one: { status: string }) => one.status), [
    "ok",
  ]);
  const before = await Deno.readTextFile(vm.runtimePath);
  const ran = await tool(vm, "disk", "remove", vm.name, "0", "--force");
  assertEquals([ran.status, ran.json.error.code], [3, "unsupported"]);
  assertEquals(await Deno.readTextFile(vm.runtimePath), before);
  const command = await tool(vm, "state", "command", vm.name);
  assertStringIncludes(command.json.command.join(" "), `if=ide,id=${idOf(0)}`);
}, ideDisk);
