/**
 * The guest's driver of virtio-mem devices, which its initrd does not have.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { tool } from "./tool.ts";
import { testTools, type Vm } from "./vm.ts";

/** Brings the driver, by a disk that is gone afterwards. */
export async function loadVirtioMem(vm: Vm): Promise<void> {
  const { kernel } = await testTools();
  const root = kernel.replace(/\/boot\/.*$/, "");
  const release = kernel.replace(/^.*vmlinuz-/, "");
  const file =
    `${root}/lib/modules/${release}/kernel/drivers/virtio/virtio_mem.ko`;
  const module = await Deno.readFile(file);
  const image = `${vm.runDir}/virtio_mem.img`;
  await Deno.writeFile(image, module);
  await Deno.truncate(image, Math.ceil(module.length / 4096) * 4096);
  const before = (await vm.guest("ls /sys/block")).output;
  const add = await tool(vm, "disk", "add", vm.name, image, "--name", "driver");
  assertEquals(add.status, 0, add.stdout);
  const disk = before.includes("vda") ? "vdb" : "vda";
  await vm.waitGuest(
    `head -c ${module.length} /dev/${disk} > /tmp/m.ko && insmod /tmp/m.ko`,
  );
  const remove = await tool(vm, "disk", "remove", vm.name, "driver");
  assertEquals(remove.status, 0, remove.stdout);
  await Deno.remove(image);
}
