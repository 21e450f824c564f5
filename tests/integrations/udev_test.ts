/** The names that udev gives a disk in the guest. */
import { assertEquals } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { SCSI_MACHINE } from "../lab/scsi_machine.ts";
import { tool } from "../lab/tool.ts";
import { makeUdevImage, START_UDEV } from "../lab/udev_image.ts";

const UUID = "d0000001-1111-4111-8111-000000000001";
const WWN = "5000c50015ea71ac";

/** virtio-blk has 20 bytes for a serial number. */
const CASES = [
  {
    words: ["--driver", "virtio-blk-pci", "--serial", "KH-0001"],
    names: ["virtio-KH-0001"],
  },
  {
    words: ["--driver", "virtio-blk-pci", "--serial", "uuid"],
    names: [`virtio-${UUID.slice(0, 20)}`],
  },
  {
    words: ["--driver", "scsi-hd", "--serial", "KH-0003"],
    names: ["scsi-0QEMU_QEMU_HARDDISK_KH-0003"],
  },
  {
    words: ["--driver", "scsi-hd", "--wwn", WWN],
    names: [`wwn-0x${WWN}`, `scsi-3${WWN}`],
  },
];

eachRelease("udev names a disk by its serial number and WWN", async (vm, t) => {
  const virtio = ["--driver", "virtio-blk-pci"];
  const added = await tool(
    vm,
    ...["disk", "add", vm.name, await makeUdevImage(vm.runDir), ...virtio],
  );
  assertEquals(added.status, 0, added.stdout);
  await vm.waitGuest("test -b /dev/vda");
  const started = await vm.guest(START_UDEV);
  assertEquals(started.status, 0, started.output);
  const image = `${vm.runDir}/named.img`;
  await makeImage(image, "named");
  for (const { words, names } of CASES) {
    await t.step(words.join(" "), async () => {
      const add = ["disk", "add", vm.name, image, "--uuid", UUID];
      const { status, stdout } = await tool(vm, ...add, ...words);
      assertEquals(status, 0, stdout);
      const read = names.map((name) => `head -c 5 /dev/disk/by-id/${name}`);
      const { output } = await vm.waitGuest(read.join(" && "));
      assertEquals(output.trim(), "named".repeat(names.length));
      const removed = await tool(vm, "disk", "remove", vm.name, UUID);
      assertEquals(removed.status, 0, removed.stdout);
      await vm.waitGuest(
        names.map((name) => `test ! -L /dev/disk/by-id/${name}`).join(" && "),
      );
    });
  }
}, SCSI_MACHINE);
