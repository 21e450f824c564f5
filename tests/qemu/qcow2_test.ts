/** Disks in qcow2 images, with and without others below them. */
import { documentOf, saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import {
  assertRefused,
  CHROOT,
  openFolder,
  POOL,
  rootImage,
  traces,
  UUID,
} from "../lab/jail.ts";
import { QmpProxy } from "../lab/proxy.ts";
import { snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const FOREIGN = "--not-migratable";
const QCOW2 = ["--format", "qcow2", FOREIGN];
const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";
const MIB = 1024 * 1024;

/** A raw image of 8 MiB with a marker, and images one above the other. */
async function makeChain(folder: string, names: readonly string[]) {
  let below = `${folder}/base.img`;
  await rootImage(below);
  let format = "raw";
  for (const name of names) {
    const image = `${folder}/${name}`;
    const over = ["-b", below, "-F", format];
    await host("qemu-img", "create", "-q", "-f", "qcow2", ...over, image);
    await Deno.chmod(image, 0o600);
    [below, format] = [image, "qcow2"];
  }
  return below;
}

/** Sectors of an image as a reader of its own sees them. */
async function inImage(image: string, folder: string): Promise<string> {
  const raw = `${folder}/read.raw`;
  await host("qemu-img", "convert", "-O", "raw", image, raw);
  const bytes = await Deno.readFile(raw);
  await Deno.remove(raw);
  return new TextDecoder().decode(bytes.subarray(4096, 4112));
}

/** Adds, reads, writes, grows and removes; all is as before then. */
async function useChain(
  vm: Vm,
  folder: string,
  names: readonly string[],
) {
  const image = await makeChain(folder, names);
  const base = await Deno.readFile(`${folder}/base.img`);
  const before = await traces(vm, image);
  const words = ["disk", "add", vm.name, image, "--uuid", UUID, ...QCOW2];
  const add = await tool(vm, ...words);
  assertEquals(add.status, 0, add.stdout + add.stderr);
  const { format, via, size_bytes } = add.json.device;
  assertEquals([format, via, size_bytes], ["qcow2", "fdset", 8 * MIB]);
  await vm.waitGuest("test -b /dev/vda");
  assertEquals((await vm.guest(READ)).output, "written-by-host");
  const write =
    "printf written-by-guest | dd of=/dev/vda bs=512 seek=8 conv=fsync";
  assertEquals((await vm.guest(write)).status, 0);
  const sets = (await snapshot(vm)).fdsets as { fds: unknown[] }[];
  assertEquals(sets.filter(({ fds }) => fds.length > 0), []);
  const list = await tool(vm, "list", vm.name);
  const [device] = list.json.devices;
  assertEquals([device.status, device.format], ["ok", "qcow2"]);
  const again = await tool(vm, ...words);
  assertEquals([again.status, again.json.changed], [0, false], again.stdout);
  await grow(vm);
  const remove = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
  assertEquals(await traces(vm, image), before);
  assertEquals(await inImage(image, folder), "written-by-guest");
  assertEquals(await Deno.readFile(`${folder}/base.img`), base);
}

/** The image grows through QEMU, not by its file. */
async function grow(vm: Vm) {
  const words = ["disk", "resize", vm.name, UUID];
  const open = await tool(vm, ...words);
  assertEquals([open.status, open.json.error?.hint], [3, "give the new SIZE"]);
  const grown = await tool(vm, ...words, "12M");
  assertEquals([grown.status, grown.json.changed], [0, true], grown.stdout);
  await vm.waitGuest(`test "$(cat /sys/block/vda/size)" = 24576`);
}

/** The command that a refusal tells is run as it stands there. */
async function useHint(vm: Vm, hint: string) {
  const [, line = ""] = /(kvm-hotplug .*)$/.exec(hint) ?? [];
  const run = line.replace("kvm-hotplug", `'${EXECUTABLE}'`);
  const env = `KVM_HOTPLUG_RUN_DIR=${vm.runDir}`;
  const told = documentOf(await host("env", env, "sh", "-c", `${run} --json`));
  const { changed, device } = told;
  assertEquals([changed, device.format, device.name], [true, "qcow2", "it's"]);
  const same = ["disk", "add", vm.name];
  const { source, id } = device;
  const again = await tool(vm, ...same, source);
  assertEquals([again.status, again.json.changed], [0, false], again.stdout);
  const other = await tool(vm, ...same, source, "--format", "raw");
  assertEquals([other.status, other.json.error.code], [3, "duplicate"]);
  assertMatch(
    other.json.error.message,
    /differs: --format is qcow2 \(asked: raw\)$/,
  );
  assertEquals((await tool(vm, "disk", "remove", vm.name, id)).status, 0);
}

eachRelease("a qcow2 image is used, alone and above others", async (vm, t) => {
  const folder = await openFolder(vm);

  await t.step(
    "three images",
    () => useChain(vm, folder, ["b.qcow2", "c.qcow2"]),
  );

  await t.step("one image, which nobody else may have meanwhile", async () => {
    const image = `${folder}/alone.qcow2`;
    await host("qemu-img", "create", "-q", "-f", "qcow2", image, "8M");
    const add = await tool(
      vm,
      "disk",
      "add",
      vm.name,
      image,
      "--uuid",
      UUID,
      ...QCOW2,
    );
    assertEquals(add.status, 0, add.stdout);
    await vm.waitGuest("test -b /dev/vda");
    const write = "printf x | dd of=/dev/vda bs=512 seek=8 conv=fsync";
    assertEquals((await vm.guest(write)).status, 0);
    const above = `${folder}/above.qcow2`;
    const over = ["-u", "-b", image, "-F", "qcow2", above, "8M"];
    await host("qemu-img", "create", "-q", "-f", "qcow2", ...over);
    const { message } = await assertRefused(vm, above, ...QCOW2);
    assertMatch(message, new RegExp(`pid ${vm.pid}`));
    const other = ["--uuid", "d0000002-1111-4111-8111-000000000002"];
    await assertRefused(vm, image, ...QCOW2, ...other);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals(remove.status, 0, remove.stdout);
  });

  await t.step("one image, which QEMU opens by its path", async () => {
    const image = `${folder}/alone.qcow2`;
    const words = [image, ...QCOW2, "--via", "path", "--uuid", UUID];
    const add = await tool(vm, "disk", "add", vm.name, ...words);
    assertEquals([add.status, add.json.device?.via], [0, "path"], add.stdout);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals(remove.status, 0, remove.stdout);
  });

  await t.step("the format is as said", async () => {
    const raw = await rootImage(`${folder}/raw.img`);
    const { message } = await assertRefused(vm, raw, ...QCOW2);
    assertMatch(message, /not a qcow2 image/);
    const image = `${folder}/alone.qcow2`;
    const asked = await assertRefused(vm, image, "--format", "qcow2");
    assertMatch(asked.hint, /qcow2 .*--format qcow2 --not-migratable$/);
    await assertRefused(vm, image, "--dry-run");
    const refused = await assertRefused(vm, image, "--name", "it's");
    assertMatch(refused.message, /it is a qcow2 image/);
    await useHint(vm, refused.hint);
  });

  await t.step("a header that is changed meanwhile opens nothing", async () => {
    const image = `${folder}/turned.qcow2`;
    const make = (path: string, ...words: string[]) =>
      host("qemu-img", "create", "-q", "-f", "qcow2", ...words, path, "8M");
    await make(image);
    const data = await rootImage(`${folder}/secret.raw`);
    await make(`${folder}/other.qcow2`, "-o", `data_file=${data}`);
    const header = await Deno.readFile(`${folder}/other.qcow2`);
    await using proxy = QmpProxy.start(vm.qmpPath);
    proxy.hook = ({ message }) => {
      const isOpened = message.execute === "blockdev-add";
      if (isOpened) Deno.writeFileSync(image, header);
      return "pass";
    };
    const before = await traces(vm, image);
    const words = ["disk", "add", vm.name, image, ...QCOW2];
    const { status, json, stdout } = await tool(vm, ...words);
    assertEquals([status, json.changed], [5, false], stdout);
    assertMatch(json.error.message, new RegExp(data));
    assertEquals(await traces(vm, image), before);
  });

  await t.step(
    "a device's bytes are a guest's: raw, with a warning",
    async () => {
      const loop = await host(
        "losetup",
        "--find",
        "--show",
        `${folder}/alone.qcow2`,
      );
      try {
        const add = await tool(vm, "disk", "add", vm.name, loop);
        assertEquals(
          [add.status, add.json.device.format],
          [0, "raw"],
          add.stdout,
        );
        assertMatch(saidIn(add.json.warnings), /looks like a qcow2 image/);
        await vm.waitGuest("test -b /dev/vda");
        const read = await vm.guest("dd if=/dev/vda bs=3 count=1 2>/dev/null");
        assertEquals(read.output, "QFI");
        assertEquals(
          (await tool(vm, "disk", "remove", vm.name, "0")).status,
          0,
        );
      } finally {
        await host("losetup", "--detach", loop);
      }
    },
  );

  await t.step("a chain that leads elsewhere is refused", async () => {
    const image = `${folder}/hostile.qcow2`;
    const make = (...words: string[]) =>
      host("qemu-img", "create", "-q", "-f", "qcow2", ...words, image, "8M");
    const json = 'json:{"driver":"file","filename":"/etc/shadow"}';
    for (const name of ["../../etc/shadow", "/etc/shadow", json]) {
      await make("-u", "-b", name, "-F", "raw");
      await assertRefused(vm, image, ...QCOW2);
    }
    const other = `${folder}/other.qcow2`;
    const back = ["-u", "-b", image, "-F", "qcow2", other, "8M"];
    await host("qemu-img", "create", "-q", "-f", "qcow2", ...back);
    await make("-u", "-b", other, "-F", "qcow2");
    assertMatch((await assertRefused(vm, image, ...QCOW2)).message, /back to/);
    await make("-o", `data_file=${folder}/data.raw`);
    assertMatch((await assertRefused(vm, image, ...QCOW2)).message, /external/);
  });
});

for (const { title, options } of [CHROOT, POOL]) {
  eachRelease(
    `a chain of qcow2 images is used by a QEMU that ${title}`,
    async (vm) => {
      await useChain(vm, await openFolder(vm), ["b.qcow2", "c.qcow2"]);
    },
    { ...options },
  );
}
