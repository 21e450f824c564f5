/** Machines that may not see the disk: the default way in, and NICs. */
import { assertEquals } from "@std/assert";
import { eachRelease } from "./each_release.ts";
import {
  assertUsed,
  CHROOT,
  loopDevice,
  NOBODY,
  openFolder,
  POOL,
  rootImage,
  traces,
} from "./jail.ts";
import { tool } from "./tool.ts";
import type { Vm } from "./vm.ts";

const MAC = "aa:00:00:00:00:31";

/** Adds, uses and removes a disk; all must then be as before. */
async function useAndRemove(vm: Vm, image: string, source: string) {
  const before = await traces(vm, source);
  const add = await tool(vm, "disk", "add", vm.name, source, "--name", "data");
  assertEquals([add.stderr, add.status], ["", 0], add.stdout);
  assertEquals(add.json.device.via, "fdset");
  await assertUsed(vm, image);
  // An fd was handed over: nothing on the host had to give way.
  const { sources, folders, chroot, mounts } = await traces(vm, source);
  assertEquals({ ...before, sources, folders, chroot, mounts }, before);
  const remove = await tool(vm, "disk", "remove", vm.name, "data");
  assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
  assertEquals(await traces(vm, source), before);
}

for (const { title, options } of [NOBODY, CHROOT, POOL]) {
  eachRelease(`${title}: disks and a NIC`, async (vm, t) => {
    const folder = await openFolder(vm);
    const image = await rootImage(`${folder}/d1.img`);

    await t.step("a file of root's, mode 0600", async () => {
      await useAndRemove(vm, image, image);
    });

    await t.step("a block device of root's, mode 0600", async () => {
      await using loop = await loopDevice(image);
      await useAndRemove(vm, image, loop.path);
    });

    if (options === CHROOT.options) return;
    await t.step("a NIC, without an option ROM", async () => {
      const before = await traces(vm);
      const add = await tool(vm, "nic", "add", vm.name, "--mac", MAC);
      assertEquals([add.stderr, add.status], ["", 0], add.stdout);
      await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
      const remove = await tool(vm, "nic", "remove", vm.name, "0");
      assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
      assertEquals(await traces(vm), before);
    });
  }, options);
}
