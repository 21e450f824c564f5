/** A disk that grows under a real guest. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { loopDevice } from "../lab/jail.ts";
import { rpcOnce } from "../lab/rpc_once.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "d0000001-1111-4111-8111-000000000001";
const MIB = 1024 * 1024;

/** The guest has a disk of that many MiB. */
async function assertSeen(vm: Vm, mib: number) {
  const sectors = mib * 2048;
  await vm.waitGuest(`test "$(cat /sys/block/vda/size)" = ${sectors}`);
}

async function resize(vm: Vm, ...words: string[]) {
  return await tool(vm, "disk", "resize", vm.name, UUID, ...words);
}

async function resized(vm: Vm, ...words: string[]) {
  const done = await resize(vm, ...words);
  assertEquals([done.stderr, done.status], ["", 0], done.stdout);
  return done.json;
}

/** Refused, and neither QEMU nor any file is another one. */
async function refused(vm: Vm, ...words: string[]): Promise<string> {
  const before = await snapshot(vm);
  const { status, json, stdout } = await resize(vm, ...words);
  assertEquals(
    [status, json.error.code, json.changed],
    [3, "refused", false],
    stdout,
  );
  assertEquals(await snapshot(vm), before);
  return json.error.message;
}

function recordedMib(vm: Vm): number {
  const [, , , disks] = JSON.parse(Deno.readTextFileSync(vm.runtimePath));
  return disks[0][0].size;
}

async function listedSize(vm: Vm): Promise<number> {
  return (await tool(vm, "list", vm.name)).json.devices[0].size_bytes;
}

async function added(vm: Vm, source: string, ...words: string[]) {
  const add = await tool(
    vm,
    "disk",
    "add",
    vm.name,
    source,
    "--uuid",
    UUID,
    ...words,
  );
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
}

/** All who look tell of a source that is shorter than its disk. */
async function shrunk(vm: Vm, hint: RegExp) {
  const list = await tool(vm, "list", vm.name);
  const [{ status, differences: [told, ...others] }] = list.json.devices;
  assertEquals([status, told?.code, others], ["differs", "source-shrunk", []]);
  assertMatch(told.hint, hint);
  const verify = await tool(vm, "state", "show", vm.name, "--verify");
  assertEquals([verify.status, verify.json.verify.differences], [3, [told]]);
  assertEquals((await tool(vm, "repair", vm.name)).status, 7);
}

async function removed(vm: Vm) {
  const remove = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
}

eachRelease(
  "a disk grows with its source, and the guest sees it",
  async (vm, t) => {
    const image = `${vm.runDir}/d1.img`;
    await makeImage(image, "written-by-host");
    await added(vm, image);
    await vm.waitGuest("test -b /dev/vda");

    await t.step("the same size changes nothing", async () => {
      const before = await snapshot(vm);
      for (const words of [[], ["8M"], [String(8 * MIB), "--grow"]]) {
        assertEquals((await resized(vm, ...words)).changed, false);
      }
      assertEquals(await snapshot(vm), before);
    });

    await t.step("a file that was made longer", async () => {
      await Deno.truncate(image, 12 * MIB);
      const dry = await resized(vm, "--dry-run");
      assertEquals([dry.changed, dry.plan.length], [false, 3]);
      assertMatch(dry.plan[1].undo, /never shrinks/);
      await assertSeen(vm, 8);
      const { changed, action, device } = await resized(vm);
      assertEquals([changed, action, device.size_bytes], [
        true,
        "resize",
        12 * MIB,
      ]);
      await assertSeen(vm, 12);
      assertEquals([recordedMib(vm), await listedSize(vm)], [12, 12 * MIB]);
      assertEquals((await resized(vm)).changed, false);
    });

    await t.step("a file that QEMU makes longer, only if told", async () => {
      assertMatch(await refused(vm, "16M"), /12582912/);
      assertEquals((await Deno.stat(image)).size, 12 * MIB);
      assertEquals((await resized(vm, "16M", "--grow")).changed, true);
      assertEquals((await Deno.stat(image)).size, 16 * MIB);
      await assertSeen(vm, 16);
      const write = "printf x | dd of=/dev/vda bs=1M seek=15 conv=fsync";
      assertEquals((await vm.guest(write)).status, 0);
    });

    await t.step(
      "a smaller one is refused, whatever the file has",
      async () => {
        await refused(vm, "4M");
        await refused(vm, "4M", "--grow");
        await refused(vm, String(16 * MIB + 1), "--grow");
        await Deno.truncate(image, 4 * MIB);
        assertMatch(await refused(vm), /was cut to 4M \(4194304 bytes\)/);
        await shrunk(
          vm,
          new RegExp(`run: truncate -s ${16 * MIB} .*${image}$`),
        );
        await Deno.truncate(image, 24 * MIB);
        // QEMU itself would cut the file here.
        assertMatch(
          await refused(vm, "20M", "--grow"),
          /would shorten the file/,
        );
        assertEquals((await Deno.stat(image)).size, 24 * MIB);
        await assertSeen(vm, 16);
      },
    );
    await removed(vm);

    await t.step("a block device, while the VM is paused, too", async () => {
      await Deno.truncate(image, 8 * MIB);
      await using loop = await loopDevice(image);
      await added(vm, loop.path);
      await vm.waitGuest("test -b /dev/vda");
      await Deno.truncate(image, 12 * MIB);
      await host("losetup", "--set-capacity", loop.path);
      assertMatch(await refused(vm, "16M", "--grow"), /the size of its device/);
      assertEquals((await resized(vm)).changed, true);
      await assertSeen(vm, 12);
      await Deno.truncate(image, 16 * MIB);
      await host("losetup", "--set-capacity", loop.path);
      await vm.qmp.execute("stop");
      const { status, json } = await resize(vm, "16M");
      const [{ code }] = json.warnings;
      assertEquals([status, json.changed, code], [0, true, "paused"]);
      await vm.qmp.execute("cont");
      await assertSeen(vm, 16);
      assertEquals(recordedMib(vm), 16);
      await Deno.truncate(image, 20 * MIB);
      await host("losetup", "--set-capacity", loop.path);
      // A master knows what it asked for, not what LVM made of it.
      const asGaneti = async (size: number) => {
        const params = [vm.name, { uuid: UUID }, size];
        const { result, error } = await rpcOnce(vm, "resize_disk", params);
        return (result ?? error.data).ganeti;
      };
      assertMatch((await asGaneti(24 * MIB))[1], /the size of its device/);
      assertEquals(await asGaneti(18 * MIB), [true, null]);
      await assertSeen(vm, 20);
      assertEquals(await asGaneti(18 * MIB), [true, null]);
      await Deno.truncate(image, 8 * MIB);
      await host("losetup", "--set-capacity", loop.path);
      await shrunk(vm, /^make the device 20971520 bytes long again/);
      await removed(vm);
    });
  },
);
