import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { inspectSource } from "../../lib/host/source.ts";
import { HotplugError } from "../../lib/errors.ts";
import { run, TempDir } from "../sys/support.ts";
import { unless, withoutDevice } from "../support/left_out.ts";

Deno.test("inspectSource() names who has the image locked", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  const needs = { access: "rw", direct: false } as const;
  const free = await inspectSource(path, needs);
  free.pinned.close();
  assertEquals(free.source.inUseBy, undefined);
  // As QEMU does: an open file description lock on byte 201.
  const holder = new Deno.Command("python3", {
    args: [
      "-c",
      [
        "import fcntl, struct, sys",
        `f = open(${JSON.stringify(path)}, "rb")`,
        'lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 201, 1, 0)',
        "fcntl.fcntl(f, 37, lock)",
        'print("locked", flush=True)',
        "sys.stdin.read()",
      ].join("\n"),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  const taken = await inspectSource(path, needs);
  taken.pinned.close();
  assertStringIncludes(taken.source.inUseBy ?? "", `pid ${holder.pid}`);
  const readOnly = await inspectSource(path, { ...needs, access: "ro" });
  readOnly.pinned.close();
  assertEquals(readOnly.source.inUseBy, undefined);
  await holder.stdin.close();
  await reader.cancel();
  await holder.status;
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
      await assertRejects(() => look(dir.at("renamed")), HotplugError);
    } finally {
      run("umount", dir.at("mnt"));
      run("losetup", "--detach", beside);
      run("losetup", "--detach", lower);
    }
  },
});
