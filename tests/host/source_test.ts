import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { inspectSource, openSource, uriSource } from "../../lib/host/source.ts";
import { HotplugError } from "../../lib/errors.ts";
import { mknodBlock, openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { beside } from "../lab/beside.ts";
import { expectFds, openFds, run, TempDir } from "../sys/support.ts";
import { unless, withoutDevice } from "../support/left_out.ts";

/** As QEMU does: an open file description lock on byte 201; 37 is F_OFD_SETLK. */
const LOCK = `
import fcntl, struct, sys
file = open(sys.argv[1], "rb")
lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 201, 1, 0)
fcntl.fcntl(file, 37, lock)
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;

Deno.test("inspectSource() names who has the image locked", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  const needs = { access: "rw", direct: false } as const;
  const free = await inspectSource(path, needs);
  free.pinned.close();
  assertEquals(free.source.inUseBy, undefined);
  await beside(LOCK, path, async (pid) => {
    const taken = await inspectSource(path, needs);
    taken.pinned.close();
    assertStringIncludes(taken.source.inUseBy ?? "", `pid ${pid}`);
    const readOnly = await inspectSource(path, { ...needs, access: "ro" });
    readOnly.pinned.close();
    assertEquals(readOnly.source.inUseBy, undefined);
  });
});

Deno.test("inspectSource() tells a source that cannot be written", async () => {
  const needs = { access: "rw", direct: false } as const;
  using dir = new TempDir();
  const folder = dir.at("ro");
  Deno.mkdirSync(folder);
  await run("mount", "-t", "tmpfs", "none", folder);
  try {
    Deno.writeTextFileSync(`${folder}/image`, "x".repeat(512));
    await run("mount", "-o", "remount,ro", folder);
    const { source, pinned } = await inspectSource(`${folder}/image`, needs);
    pinned.close();
    assertEquals(source.writeFault, "EROFS");
  } finally {
    await run("umount", folder);
  }
});

Deno.test("inspectSource() names what is neither a file nor a block device", async () => {
  await assertRejects(
    () => inspectSource("/dev/null", { access: "rw", direct: false }),
    HotplugError,
    "it must be a block device or a regular file, but it is a character device",
  );
});

const LOOPS = withoutDevice("/dev/loop-control");
const WRITE = { access: "rw", direct: false } as const;

/** What a look at a source comes to: refused, or fit to be written. */
async function look(path: string, needs = WRITE) {
  const { source, pinned } = await inspectSource(path, needs);
  pinned.close();
  return source;
}

Deno.test({
  ...unless(LOOPS, "inspectSource() sees that a device is read-only"),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "x".repeat(4096));
    const loop = run("losetup", "--read-only", "--find", "--show", path);
    try {
      const { writeFault } = await look(loop);
      assertEquals(writeFault, "it is a read-only device");
    } finally {
      run("losetup", "--detach", loop);
    }
  },
});

Deno.test({
  ...unless(
    LOOPS,
    "inspectSource() refuses what is mounted over a loop device",
  ),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "");
    Deno.truncateSync(path, 1 << 20);
    run("mkfs.ext4", "-q", path);
    Deno.mkdirSync(dir.at("mnt"));
    const lower = run("losetup", "--find", "--show", path);
    const beside = run("losetup", "--find", "--show", path);
    // Idle, they are in nobody's way.
    assertEquals((await look(path)).inUseBy, undefined);
    run("mount", lower, dir.at("mnt"));
    try {
      for (const source of [path, lower, beside]) {
        const error = await assertRejects(() => look(source), HotplugError);
        assertStringIncludes(error.message, "is mounted");
        assertEquals(error.message.includes(lower), true, error.message);
      }
      Deno.renameSync(path, dir.at("renamed"));
      const renamed = () => look(dir.at("renamed"));
      await assertRejects(renamed, HotplugError, "is mounted");
      // Its name leads nowhere: what else has the data is met all the same.
      Deno.removeSync(dir.at("renamed"));
      await assertRejects(() => look(beside), HotplugError, "is mounted");
    } finally {
      run("umount", dir.at("mnt"));
      run("losetup", "--detach", beside);
      run("losetup", "--detach", lower);
    }
  },
});

/** Claims a block device, as a mount, swap, LVM or MD does. */
const CLAIM = `
import os, sys
os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL)
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;

Deno.test({
  ...unless(LOOPS, "inspectSource() refuses a device that is claimed"),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "x".repeat(4096));
    const loop = run("losetup", "--find", "--show", path);
    const upper = run("losetup", "--find", "--show", loop);
    try {
      assertEquals((await look(loop)).inUseBy, undefined);
      await beside(CLAIM, loop, async () => {
        // Whoever only reads would see it change, too.
        const reading = { access: "ro", direct: false } as never;
        for (const source of [loop, path, upper]) {
          for (const needs of [WRITE, reading]) {
            const error = await assertRejects(
              () => look(source, needs),
              HotplugError,
            );
            assertStringIncludes(error.message, loop);
            assertStringIncludes(error.message, "is mounted, or a program");
          }
        }
      });
      assertEquals((await look(loop)).inUseBy, undefined);
    } finally {
      run("losetup", "--detach", upper);
      run("losetup", "--detach", loop);
    }
  },
});

Deno.test("inspectSource() says of a device without a driver what the kernel says", async () => {
  using dir = new TempDir();
  using folder = openFile(dir.path, O.PATH | O.DIRECTORY);
  mknodBlock("device", { dir: folder, rdev: "240:77", mode: 0o600 });
  const error = await assertRejects(() => look(dir.at("device")), HotplugError);
  assertStringIncludes(error.message, "ENXIO");
});

Deno.test({
  ...unless(LOOPS, "inspectSource() finds the file behind a loop device"),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "x".repeat(4096));
    const other = dir.file("other", "y".repeat(4096));
    const loop = run("losetup", "--find", "--show", path);
    try {
      await beside(LOCK, path, async (pid) => {
        const users = async () => (await look(loop)).inUseBy ?? "";
        assertStringIncludes(await users(), `(pid ${pid}), by way of ${path},`);
        // Its name leads to another file now: who has it open has the inode.
        run("mount", "--bind", other, path);
        try {
          const before = openFds();
          assertStringIncludes(await users(), `(pid ${pid}), by way of`);
          await expectFds(before);
        } finally {
          run("umount", path);
        }
      });
      assertEquals((await look(loop)).inUseBy, undefined);
    } finally {
      run("losetup", "--detach", loop);
    }
  },
});

Deno.test("inspectSource() asks for no other bytes than QEMU locks", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  const holder = new Deno.Command("python3", {
    args: [
      "-c",
      [
        "import fcntl, struct, sys",
        `f = open(${JSON.stringify(path)}, "rb")`,
        "for at in (100, 102, 104, 200, 202):",
        '    lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, at, 1, 0)',
        "    fcntl.fcntl(f, 37, lock)",
        'print("locked", flush=True)',
        "sys.stdin.read()",
      ].join("\n"),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  assertEquals((await look(path)).inUseBy, undefined);
  await holder.stdin.close();
  await reader.cancel();
  await holder.status;
});

Deno.test("openSource() opens what was looked at, and nothing else", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  const before = openFds();
  const { source, pinned } = await inspectSource(path, WRITE);
  const wanted = { ...WRITE, identity: source.identity };
  Deno.renameSync(path, dir.at("moved"));
  dir.file("image", "another");
  (await openSource(path, wanted, pinned)).close();
  (await openSource(dir.at("moved"), wanted, undefined)).close();
  const open = () => openSource(path, wanted, undefined);
  await assertRejects(open, HotplugError, "another file");
  const other = { ...wanted, identity: "file 0:0 0" };
  const opens = () => openSource(path, other, pinned);
  await assertRejects(opens, HotplugError, "another file");
  pinned.close();
  await expectFds(before);
});

Deno.test("inspectSource() and uriSource() tell what a source is", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  Deno.symlinkSync(path, dir.at("link"));
  const { identity: _, ...found } = await look(dir.at("link"));
  assertEquals(found, {
    ...{ path: dir.at("link"), kind: "file", sizeBytes: 512, resolved: path },
    ...{ direct: undefined, writeFault: undefined, inUseBy: undefined },
    ...{ magic: "no", blockSizes: undefined },
  });
  for (const bad of [dir.path, dir.file("empty", ""), dir.at("none")]) {
    await assertRejects(() => look(bad), HotplugError, "Cannot use source");
  }
  const { kind, sizeBytes, identity } = uriSource("rbd:x");
  assertEquals([kind, sizeBytes, identity], ["uri", 0, "uri rbd:x"]);
});
