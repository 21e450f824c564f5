/** The harness itself: does a test machine do what the tests rely on? */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TimeoutError } from "../../tools/guest/deadline.ts";
import type { QemuRelease } from "../../tools/setup.ts";
import { testTools, Vm, type VmOptions } from "../lab/vm.ts";

const tools = await testTools();

/** Runs a test body for each release, in a run directory of its own. */
function eachRelease(
  title: string,
  body: (options: VmOptions, release: QemuRelease) => Promise<void>,
): void {
  for (const release of tools.qemus) {
    Deno.test(`${title}, QEMU ${release.name}`, async () => {
      const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-vm-" });
      try {
        await body({ release, tools, runDir }, release);
      } finally {
        await Deno.remove(runDir, { recursive: true });
      }
    });
  }
}

/** Plugs a disk whose first bytes are `marker`, past the tool under test. */
async function plugDisk(vm: Vm, marker: string): Promise<void> {
  const filename = `${vm.runDir}/disk.img`;
  await Deno.writeTextFile(filename, marker);
  await Deno.truncate(filename, 1 << 20);
  const file = { driver: "file", filename };
  const node = { driver: "raw", "node-name": "disk-1", file };
  await vm.qmp.execute("blockdev-add", node);
  const place = { id: "disk-1", bus: "pci.0", addr: "0xd" };
  const device = { driver: "virtio-blk-pci", drive: "disk-1", ...place };
  await vm.qmp.execute("device_add", device);
}

/** True while QEMU has the device. */
async function hasDisk(vm: Vm): Promise<boolean> {
  const list = await vm.qmp.execute<{ name: string }[]>("qom-list", {
    path: "/machine/peripheral",
  });
  return list.some(({ name }) => name === "disk-1");
}

/** That something does not happen can only be told by waiting. */
async function isReleasedWithin(vm: Vm, timeoutMs: number): Promise<boolean> {
  try {
    await vm.qmp.waitEvent("DEVICE_DELETED", { device: "disk-1", timeoutMs });
    return true;
  } catch (error) {
    if (error instanceof TimeoutError) return false;
    throw error;
  }
}

eachRelease("Vm boots, uses a disk and gives it back", async (options) => {
  await using vm = await Vm.start(options);
  console.log(`  boot: ${vm.startMs.toFixed()} ms`);
  await plugDisk(vm, "MARKER-1");
  const read = "dd if=/dev/vda bs=8 count=1 2>/dev/null";
  assertEquals((await vm.waitGuest(read)).output, "MARKER-1");
  await vm.qmp.execute("device_del", { id: "disk-1" });
  assert(await isReleasedWithin(vm, 20_000));
  assertEquals(await hasDisk(vm), false);
});

eachRelease("Vm.restored() continues a saved guest", async (options) => {
  await using first = await Vm.restored(options);
  await first.kill();
  await using vm = await Vm.restored({ ...options, name: "vm2.example.com" });
  console.log(`  restore: ${vm.startMs.toFixed()} ms`);
  const { status, output } = await vm.guest("uname -r; exit 3");
  assertEquals(status, 3);
  assertStringIncludes(tools.kernel, output.trim());
  await plugDisk(vm, "MARKER-2");
  const read = "dd if=/dev/vda bs=8 count=1 2>/dev/null";
  assertEquals((await vm.waitGuest(read)).output, "MARKER-2");
  await vm.qmp.execute("device_del", { id: "disk-1" });
  assert(await isReleasedWithin(vm, 20_000));
});

eachRelease(
  "hotplug=off makes a guest that never releases",
  async (options) => {
    const deaf = { ...options, kernelArgs: "hotplug=off" };
    await using vm = await Vm.restored(deaf);
    await plugDisk(vm, "MARKER-3");
    await vm.qmp.execute("device_del", { id: "disk-1" });
    assertEquals(await isReleasedWithin(vm, 2000), false);
    assert(await hasDisk(vm));
  },
);

eachRelease(
  "hotplug off silences a guest until hotplug on",
  async (options) => {
    await using vm = await Vm.restored(options);
    await plugDisk(vm, "MARKER-4");
    await vm.waitGuest("test -b /dev/vda");
    assertEquals((await vm.guest("hotplug off")).status, 0);
    await vm.qmp.execute("device_del", { id: "disk-1" });
    assertEquals(await isReleasedWithin(vm, 2000), false);
    assertEquals((await vm.guest("hotplug on")).status, 0);
    assert(await isReleasedWithin(vm, 20_000));
  },
);

eachRelease(
  "Vm lays its files out as Ganeti does",
  async (options, release) => {
    await using vm = await Vm.restored(options);
    const root = `${options.runDir}/kvm-hypervisor`;
    const pid = await Deno.readTextFile(`${root}/pid/${vm.name}`);
    assertEquals(Number(pid), vm.pid);
    const command = await Deno.readTextFile(`/proc/${vm.pid}/cmdline`);
    assertStringIncludes(command, `\0-name\0${vm.name}\0`);
    const runtime = await Deno.stat(vm.runtimePath);
    assertEquals((runtime.mode ?? 0) & 0o777, 0o600);
    const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    assertEquals(tuple.length, 4);
    assertEquals(tuple[0][0], release.binary);
    assertEquals([tuple[1], tuple[3]], [[], []]);
  },
);

eachRelease("Vm takes uid, chroot, pause and no guest", async (options) => {
  const restricted = { ...options, uid: 65534, chroot: true, paused: true };
  await using vm = await Vm.restored(restricted);
  const status = await Deno.readTextFile(`/proc/${vm.pid}/status`);
  assertStringIncludes(status, "Uid:\t65534\t65534");
  assertEquals(await Deno.readLink(`/proc/${vm.pid}/root`), vm.layout.chroot);
  const { status: state } = await vm.qmp.execute<{ status: string }>(
    "query-status",
  );
  assertEquals(state, "paused");
  await vm.qmp.execute("cont");
  assertEquals((await vm.guest("true")).status, 0);
  const name = "empty.example.com";
  await using empty = await Vm.start({ ...options, name, guest: "none" });
  assert(await hasDisk(empty) === false);
});

eachRelease("Vm starts with the disks of its runtime file", async (options) => {
  const link = `${options.runDir}/boot.img`;
  await Deno.writeTextFile(link, "MARKER-5");
  await Deno.truncate(link, 1 << 20);
  const place = { id: "disk-1", bus: "pci.0", addr: "0xc" };
  const hvinfo = { driver: "virtio-blk-pci", ...place };
  const disk = { dev_type: "file", size: 1, mode: "rw", hvinfo };
  const runtime = { disks: [[disk, link, null] as const] };
  await using vm = await Vm.start({ ...options, runtime });
  const { output } = await vm.guest("dd if=/dev/vda bs=8 count=1 2>/dev/null");
  assertEquals(output, "MARKER-5");
});

eachRelease("Vm takes a card without romfile", async (options) => {
  await using vm = await Vm.restored(options);
  const netdev = { type: "hubport", id: "net-1", hubid: 1 };
  await vm.qmp.execute("netdev_add", netdev);
  const place = { id: "nic-1", bus: "pci.0", addr: "0xe" };
  const device = { driver: "virtio-net-pci", netdev: "net-1", ...place };
  await vm.qmp.execute("device_add", device);
  await vm.waitGuest("test -d /sys/class/net/eth0");
});
