/** Machines that may not see the disk: the default way in, and NICs. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease } from "../lab/each_release.ts";
import {
  assertChecked,
  CHROOT,
  hostTraces,
  loopDevice,
  NOBODY,
  openFolder,
  POOL,
  rootImage,
  traces,
  useAndRemove,
} from "../lab/jail.ts";
import { tool } from "../lab/tool.ts";

const MAC = "aa:00:00:00:00:31";

for (const { title, options } of [NOBODY, CHROOT, POOL]) {
  eachRelease(`${title}: disks and a NIC`, async (vm, t) => {
    const folder = await openFolder(vm);
    const image = await rootImage(`${folder}/d1.img`);
    const before = hostTraces(vm, image);
    // A descriptor is handed over: nothing has to give way for it.
    const plugged = () => assertEquals(hostTraces(vm, image), before);

    await t.step("check tells how it really runs", async () => {
      const all = { disk: undefined, nic: undefined };
      const qemu = await assertChecked(vm, all);
      const { uid = 0, chroot } = options;
      assertEquals(
        [qemu.pid, qemu.uid, qemu.gid, qemu.root, qemu.uid_file],
        [
          ...[vm.pid, uid, uid, chroot ? vm.layout.chroot : "/"],
          uid === 0 ? null : String(uid),
        ],
      );
      const words = JSON.stringify(qemu.options);
      assertEquals(/chroot/.test(words), chroot === true, words);
      if (uid !== 0) assertMatch(words, new RegExp(`[ =]${uid}:${uid}`));
    });

    await t.step("check tells of a uid file that is not true", async () => {
      const path = vm.layout.uid;
      const { uid = 0 } = options;
      const said = uid === 0 ? undefined : await Deno.readTextFile(path);
      for (const text of [said, "4711", "junk"]) {
        if (text !== undefined) await Deno.writeTextFile(path, text);
        const { status, json, stderr } = await tool(vm, "check", vm.name);
        const tells = [undefined, said].includes(text) ? 0 : 1;
        assertEquals([status, json.warnings.length], [0, tells], stderr);
        assertEquals(stderr === "", tells === 0, stderr);
        if (tells > 0) assertMatch(stderr, new RegExp(`warning: .*${text}`));
      }
      if (said === undefined) await Deno.remove(path);
      else await Deno.writeTextFile(path, said);
    });

    await t.step("a file of root's, mode 0600", async () => {
      await useAndRemove(vm, { image, via: "fdset", plugged });
    });

    await t.step("a block device of root's, mode 0600", async () => {
      await using loop = await loopDevice(image);
      const source = loop.path;
      await useAndRemove(vm, { image, source, via: "fdset", plugged });
    });

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
