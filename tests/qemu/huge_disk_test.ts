/** Disks whose size no number of JavaScript holds to the byte. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "d0000001-1111-4111-8111-000000000001";
const LIMIT =
  /it has [\d.]+ PiB, and the largest size is 9007199254740480 bytes/;
/** 1 EiB and a sector: 1152921504606847500 as JavaScript writes it. */
const EIB = "1152921504606847488";

/** Makes a sparse file longer; Deno's truncate takes no more than 2^53. */
async function truncate(path: string, size: string) {
  await host("truncate", "-s", size, path);
}

/** Refused, and nothing is another one; returns the message. */
async function refused(vm: Vm, ...words: string[]): Promise<string> {
  const before = await snapshot(vm);
  const { status, json, stdout } = await tool(vm, ...words);
  assertEquals(
    [status, json.error?.code, json.changed],
    [3, "refused", false],
    stdout,
  );
  assertEquals(await snapshot(vm), before);
  return json.error.message;
}

eachRelease(
  "a disk above 8 PiB is refused or told to the byte",
  async (vm, t) => {
    const image = `${vm.runDir}/huge.img`;

    await t.step("a file is not taken", async () => {
      for (const size of ["8P", "10P", "4E"]) {
        await truncate(image, size);
        const message = await refused(vm, "disk", "add", vm.name, image);
        assertMatch(message, new RegExp(`^Cannot use source ${image}: it has`));
        assertMatch(message, LIMIT);
      }
    });

    await t.step("nor is a block device", async () => {
      await truncate(image, "10P");
      const loop = await host("losetup", "--find", "--show", image);
      try {
        const message = await refused(vm, "disk", "add", vm.name, loop);
        assertMatch(message, LIMIT);
      } finally {
        await host("losetup", "--detach", loop);
      }
    });

    await t.step("nor a qcow2 image", async () => {
      const qcow2 = `${vm.runDir}/huge.qcow2`;
      const made = ["create", "-f", "qcow2", "-o", "cluster_size=2M"];
      await host("qemu-img", ...made, qcow2, "10P");
      const words = ["--format", "qcow2", "--not-migratable"];
      const add = ["disk", "add", vm.name, qcow2, ...words];
      assertMatch(await refused(vm, ...add), LIMIT);
    });

    await t.step("the largest that is taken grows no further", async () => {
      await Deno.remove(image);
      await makeImage(image, "x");
      const add = ["disk", "add", vm.name, image, "--uuid", UUID];
      const added = await tool(vm, ...add);
      assertEquals(added.status, 0, added.stdout);
      const resize = ["disk", "resize", vm.name, UUID];
      await truncate(image, "10P");
      assertMatch(await refused(vm, ...resize), LIMIT);
      await truncate(image, "9007199254740480");
      const { status, json, stdout } = await tool(vm, ...resize);
      assertEquals(
        [status, json.device?.size_bytes],
        [0, 9007199254740480],
        stdout,
      );
      const list = await tool(vm, "list", vm.name);
      assertMatch(list.stdout, /"size_bytes":9007199254740480,/);
      const remove = await tool(vm, "disk", "remove", vm.name, UUID);
      assertEquals(remove.status, 0, remove.stdout);
    });

    await t.step("what QEMU has already is told to the byte", async () => {
      await Deno.remove(image);
      await host("truncate", "-s", EIB, image);
      const file = { driver: "file", filename: image };
      await vm.qmp.execute("blockdev-add", {
        ...{ driver: "raw", "node-name": "huge", file },
      });
      await vm.qmp.execute("device_add", {
        ...{
          driver: "virtio-blk-pci",
          id: "huge",
          drive: "huge",
          addr: "0x1d",
        },
      });
      const adopt = await tool(vm, "adopt", vm.name);
      assertEquals(adopt.status, 0, adopt.stdout + adopt.stderr);
      const [, , , disks] = JSON.parse(Deno.readTextFileSync(vm.runtimePath));
      assertEquals(disks[0][0].size, 1024 ** 4 + 1);
      const list = await tool(vm, "list", vm.name);
      assertMatch(list.stdout, new RegExp(`"size_bytes":${EIB},`));
      const { output } = await vm.waitGuest("cat /sys/block/vda/size");
      assertEquals(BigInt(output) * 512n, BigInt(EIB));
      const message = await refused(vm, "disk", "resize", vm.name, "0", "2T");
      assertMatch(
        message,
        /^Cannot resize disk 0: it has 1024 PiB, and the largest/,
      );
      const remove = await tool(vm, "disk", "remove", vm.name, "huge");
      assertEquals(remove.status, 0, remove.stdout);
      assertMatch(remove.stdout, new RegExp(`"size_bytes":${EIB},`));
    });
  },
  { runDirOn: "tmpfs" },
);
