/** QEMU in a 0700 chroot, before a monitor that takes no descriptors. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import {
  assertChecked,
  assertNicRefused,
  assertRefused,
  assertUndone,
  fileState,
  loopDevice,
  mountsBelow,
  openFolder,
  ownerOf,
  PASSING,
  POOL,
  POOL_UID,
  rootImage,
  traces,
  useAndRemove,
  UUID,
} from "../lab/jail.ts";
import { hiding, QmpProxy } from "../lab/proxy.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const MKNOD = ["--via", "mknod"];

/** The only file in the chroot. */
function onlyNode(vm: Vm): string {
  const names = [...Deno.readDirSync(vm.layout.chroot)].map(({ name }) => name);
  assertEquals(names.length, 1, names.join());
  return `${vm.layout.chroot}/${names[0]}`;
}

eachRelease("in a chroot, nothing passed: mknod and path", async (vm, t) => {
  const { chroot } = vm.layout;
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using loop = await loopDevice(image);
  const source = loop.path;
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = hiding(...PASSING);
  const way = { image, source, via: "mknod", args: MKNOD };
  let node = "";

  await t.step("refused in plain words; check says the same", async () => {
    const nic = await assertNicRefused(vm);
    for (const one of [image, source]) {
      const { code, message, hint } = await assertRefused(vm, one);
      assertEquals(code, "unsupported");
      assertMatch(message, /add-fd/);
      assertMatch(message, /chroot/);
      assertMatch(hint, /--via/);
      await assertChecked(vm, { disk: message, nic });
    }
    await assertRefused(vm, source, "--via", "path");
    await assertRefused(vm, source, "--via", "chown");
    // A node can be made of a device only.
    await assertRefused(vm, image, ...MKNOD);
  });

  await t.step("mknod: a node of QEMU's, as long as the disk", async () => {
    await useAndRemove(vm, {
      ...way,
      plugged: () => {
        node = onlyNode(vm);
        assertMatch(ownerOf(node), new RegExp(`^${POOL_UID}:\\d+ 600$`));
        assertEquals(ownerOf(chroot), "0:0 711");
        assertEquals(Deno.statSync(node).rdev, Deno.statSync(source).rdev);
      },
    });
  });

  await t.step("mknod, undone half-way", async () => {
    await assertUndone(vm, { proxy, source, args: MKNOD });
  });

  await t.step("two nodes: the chroot is shut after the last", async () => {
    const other = await rootImage(`${folder}/d2.img`);
    await using second = await loopDevice(other);
    const before = await traces(vm, source, second.path);
    for (const path of [source, second.path]) {
      const add = await tool(vm, "disk", "add", vm.name, path, ...MKNOD);
      assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    }
    for (const mode of ["711", "700"]) {
      const remove = await tool(vm, "disk", "remove", vm.name, "0");
      assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
      assertEquals(ownerOf(chroot), `0:0 ${mode}`);
    }
    assertEquals(await traces(vm, source, second.path), before);
  });

  await t.step("what is there under its name is not used", async () => {
    const outside = await rootImage(`${folder}/outside`);
    const planted: Record<string, () => Promise<unknown>> = {
      fifo: () => host("mkfifo", "-m", "666", node),
      link: () => Deno.symlink(outside, node),
      "link to the device": () => Deno.symlink(source, node),
      "link to nothing": () => Deno.symlink("/nowhere/x", node),
      file: () => Deno.writeTextFile(node, "x"),
      folder: () => Deno.mkdir(node),
    };
    for (const [what, plant] of Object.entries(planted)) {
      await plant();
      const before = [node, outside].map(fileState);
      const args = ["--uuid", UUID, ...MKNOD];
      const { message } = await assertRefused(vm, source, ...args);
      assertMatch(message, /already|exist|there/, what);
      assertEquals([node, outside].map(fileState), before);
      await Deno.remove(node);
    }
  });

  await t.step("path: a link in the chroot leads nowhere else", async () => {
    await Deno.chmod(chroot, 0o711);
    const free = `${folder}/d3.img`;
    await Deno.chmod(await rootImage(free), 0o666);
    const top = vm.runDir.split("/")[1] ?? "";
    for (const target of [`/${top}`, `../../../../../../${top}`, "/"]) {
      await Deno.symlink(target, `${chroot}/${top}`);
      await assertRefused(vm, free, "--via", "path");
      await Deno.remove(`${chroot}/${top}`);
    }
  });

  await t.step("path: the same file under the same path", async () => {
    await Deno.mkdir(`${chroot}${folder}`, { recursive: true });
    await host("mount", "--bind", folder, `${chroot}${folder}`);
    const free = `${folder}/d3.img`;
    await useAndRemove(vm, { image: free, via: "path" });
    // Another file under that path is not the disk.
    await host("umount", `${chroot}${folder}`);
    await rootImage(`${chroot}${free}`);
    await Deno.chmod(`${chroot}${free}`, 0o666);
    await assertRefused(vm, free, "--via", "path");
    await Deno.remove(`${chroot}/${vm.runDir.split("/")[1]}`, {
      recursive: true,
    });
    await Deno.chmod(chroot, 0o700);
  });
}, { ...POOL.options, runDirOn: "tmpfs" });

eachRelease("in a chroot on a nodev mount: a bind mount", async (vm, t) => {
  const folder = await openFolder(vm);
  const image = await rootImage(`${folder}/d1.img`);
  await using loop = await loopDevice(image);
  const source = loop.path;
  await host("mount", "-o", "remount,nodev", vm.runDir);
  await using proxy = QmpProxy.start(vm.qmpPath);
  proxy.hook = hiding(...PASSING);

  await t.step("the node is bound over a file there", async () => {
    await useAndRemove(vm, {
      ...{ image, source, via: "mknod", args: MKNOD },
      plugged: () => {
        const node = onlyNode(vm);
        assertEquals(mountsBelow(vm.runDir), [node]);
        assertEquals(Deno.statSync(node).rdev, Deno.statSync(source).rdev);
      },
    });
  });

  await t.step("undone half-way", async () => {
    await assertUndone(vm, { proxy, source, args: MKNOD });
  });
}, { ...POOL.options, runDirOn: "tmpfs" });
