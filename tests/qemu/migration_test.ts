/**
 * A target started from the runtime file takes over the guest: the devices
 * that were hot-plugged are there, at the same addresses, and go on working.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { migrate, targetCommand, temporaryFolder } from "../lab/migrate.ts";
import { tool } from "../lab/tool.ts";
import { Vm } from "../lab/vm.ts";

const DISK1 = "d0000001-1111-4111-8111-000000000001";
const DISK2 = "d0000002-1111-4111-8111-000000000002";
const NIC = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const DISK2_HAS = [
  ...["--serial", "S2", "--logical-block-size", "4096", "--bootindex", "3"],
  ...["--werror", "stop", "--rerror", "report", "--queues", "2"],
];
const READ = "dd if=/dev/vdb bs=9 count=1 iflag=direct 2>/dev/null";
const WRITE =
  "printf by-the-guest | dd of=/dev/vdb bs=512 seek=8 conv=fsync 2>/dev/null";

/** What the guest has on its PCI bus: address, vendor and device. */
async function slots(vm: Vm): Promise<string> {
  const command =
    "cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device); done";
  return (await vm.guest(command)).output;
}

/** Something that is taken down at the end of its block. */
async function temporaryTap(name: string): Promise<AsyncDisposable> {
  await host("ip", "tuntap", "add", "dev", name, "mode", "tap", "vnet_hdr");
  return {
    async [Symbol.asyncDispose]() {
      await host("ip", "link", "del", name);
    },
  };
}

async function setUp(vm: Vm, images: readonly string[]) {
  const [first = "", second = ""] = images;
  for (const path of images) await makeImage(path, `data:${path.slice(-5)}`);
  const commands = [
    ["disk", "add", vm.name, first, "--uuid", DISK1],
    ["disk", "add", vm.name, second, "--uuid", DISK2, ...DISK2_HAS],
    ["nic", "add", vm.name, "--uuid", NIC, "--mac", MAC, "--mtu", "1400"],
  ];
  for (const words of commands) {
    // Ganeti's stop and start would not keep what is given here.
    const ran = await tool(vm, ...words, "--quiet");
    assertEquals([ran.status, ran.stderr], [0, ""]);
  }
  await vm.waitGuest("test -b /dev/vdb");
  await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
  const removed = await tool(vm, "disk", "remove", vm.name, DISK1);
  assertEquals([removed.status, removed.stderr], [0, ""]);
}

eachRelease("a migration into a target from the file", async (vm, t) => {
  await using images = await temporaryFolder();
  await using other = await temporaryFolder();
  const paths = ["1.img", "2.img"].map((name) => `${images.path}/${name}`);
  await setUp(vm, paths);
  const before = await slots(vm);

  const verified = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals(verified.json.verify, { ok: true, differences: [] });
  assertEquals(verified.status, 0);

  const uri = `unix:${other.path}/migration`;
  const command = await targetCommand(vm, other.path, uri);
  const tap = await Deno.readTextFile(`${vm.layout.nic}/0`);
  const newTap = `mig${vm.pid}`;
  const netdev = `tap,id=nic-a0000001-1111-4111,ifname=${tap},` +
    "script=no,downscript=no";
  assertEquals(command.includes(netdev), true, command.join(" "));
  await using _tap = await temporaryTap(newTap);
  await using target = await Vm.target({
    name: vm.name,
    runDir: other.path,
    argv: command.map((word) =>
      word === netdev ? word.replace(`=${tap},`, `=${newTap},`) : word
    ),
  });
  await Deno.copyFile(vm.runtimePath, target.runtimePath);
  await Deno.writeTextFile(`${target.layout.nic}/0`, newTap);
  await migrate(vm, target, uri);

  await t.step("the guest goes on with the same devices", async () => {
    assertEquals(await slots(target), before);
    const link = await target.guest(`grep -il ${MAC} /sys/class/net/*/address`);
    assertEquals(link.status, 0, link.output);
  });

  await t.step("the properties are those it had", async () => {
    const told = await target.guest(
      "cat /sys/block/vdb/serial /sys/block/vdb/queue/logical_block_size /sys/class/net/eth0/mtu",
    );
    assertEquals(told.output.trim().split(/\s*\n|(?<=S2)/), [
      ...["S2", "4096", "1400"],
    ]);
    const { json } = await tool(target, "list", vm.name);
    const [disk, nic] = json.devices;
    assertEquals([disk.serial, disk.bootindex, disk.werror, disk.queues], [
      ...["S2", 3, "stop", 2],
    ]);
    assertEquals(nic.mtu, 1400);
  });

  await t.step("it reads and writes the disk", async () => {
    assertEquals((await target.guest(READ)).output, "data:2.img".slice(0, 9));
    assertEquals((await target.guest(WRITE)).status, 0);
    const bytes = await Deno.readFile(paths[1] ?? "");
    const text = new TextDecoder().decode(bytes.subarray(4096, 4108));
    assertEquals(text, "by-the-guest");
  });

  await t.step("the new tap is told to have another MTU", async () => {
    const { json } = await tool(target, "list", vm.name);
    const [{ code, hint }] = json.devices[1].differences;
    assertEquals(code, "tap-settings");
    const [, words = ""] = /run: kvm-hotplug (.*)$/.exec(hint) ?? [];
    const set = await tool(target, ...words.split(" "));
    assertEquals([set.status, set.json.changed], [0, true], set.stdout);
    const mtu = await Deno.readTextFile(`/sys/class/net/${newTap}/mtu`);
    assertEquals(mtu.trim(), "1400");
  });

  await t.step("file and QEMU agree there, too", async () => {
    const { json } = await tool(target, "state", "show", vm.name, "--verify");
    // The fixed part names the source's place; the devices are the same.
    assertEquals(json.verify, { ok: true, differences: [] });
  });

  await t.step("the devices are removed by the same file", async () => {
    for (const words of [["disk", DISK2], ["nic", NIC]]) {
      const [kind = "", uuid = ""] = words;
      const ran = await tool(target, kind, "remove", vm.name, uuid);
      assertEquals([ran.status, ran.json.changed], [0, true], ran.stdout);
    }
    assertEquals((await target.guest("test -b /dev/vdb")).status, 1);
    const { json } = await tool(target, "list", vm.name);
    assertEquals(json.devices, []);
  });
});

eachRelease("a disk that is not migratable stops a start", async (vm) => {
  const image = `${vm.runDir}/ro.img`;
  await makeImage(image, "x");
  const add = await tool(
    vm,
    ...["disk", "add", vm.name, image, "--read-only", "--not-migratable"],
  );
  assertEquals(add.status, 0, add.stdout);
  const command = await tool(vm, "state", "command", vm.name);
  assertEquals([command.status, command.json.error.code], [3, "unsupported"]);
  assertStringIncludes(command.json.error.message, "mode is ro");
}, { guest: "none" });
