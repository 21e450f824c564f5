import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readChain } from "../../lib/host/backing_chain.ts";
import { HotplugError } from "../../lib/errors.ts";
import { inspectSource } from "../../lib/host/source.ts";
import { qcow2Header, type Qcow2Spec } from "../support/qcow2_image.ts";
import { ShortageError } from "../../lib/sys/errno.ts";
import { beside } from "../lab/beside.ts";
import { withFreeFds } from "../lab/free_fds.ts";
import { assert } from "../support/facts.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { run } from "../sys/support.ts";

/** A folder with images, removed when disposed. */
function folder() {
  const made = Deno.makeTempDirSync({ prefix: "kvm-hotplug-chain-" });
  const path = Deno.realPathSync(made);
  Deno.mkdirSync(`${path}/vm`);
  Deno.mkdirSync(`${path}/base`);
  return {
    path,
    image(name: string, spec: Qcow2Spec) {
      Deno.writeFileSync(`${path}/${name}`, qcow2Header(spec));
    },
    raw(name: string) {
      Deno.writeFileSync(`${path}/${name}`, new Uint8Array(512));
    },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

function fdCount(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

async function chainOf(
  path: string,
  allowed?: string,
  { direct } = { direct: false },
) {
  const needs = { access: "rw", direct: false } as const;
  const { source, pinned } = await inspectSource(path, needs);
  using _pinned = pinned;
  const chain = await readChain(source, pinned, { allowed, direct });
  for (const fd of chain.pins) fd.close();
  return chain.layers.map(({ path, kind, format }) => [path, kind, format]);
}

async function refused(
  path: string,
  allowed?: string,
  more?: { readonly direct: boolean },
): Promise<string> {
  const before = fdCount();
  try {
    await chainOf(path, allowed, more);
  } catch (error) {
    assert(error instanceof HotplugError, `${error}`);
    assertEquals([error.code, error.changed], ["refused", false]);
    assertEquals(fdCount(), before);
    return error.message;
  }
  throw new Error("the chain was taken");
}

Deno.test("readChain() finds the images one below the other", async () => {
  using dir = folder();
  const { path } = dir;
  dir.raw("vm/a.img");
  dir.image("vm/b.qcow2", { backing: { name: "a.img", format: "raw" } });
  const name = `${path}/vm/b.qcow2`;
  dir.image("vm/c.qcow2", { backing: { name, format: "qcow2" } });
  assertEquals(await chainOf(`${path}/vm/c.qcow2`), [
    [name, "file", "qcow2"],
    [`${path}/vm/a.img`, "file", "raw"],
  ]);
  dir.image("vm/alone.qcow2", {});
  assertEquals(await chainOf(`${path}/vm/alone.qcow2`), []);
});

Deno.test("readChain() leaves the image's folder only where that is allowed", async () => {
  using dir = folder();
  const { path } = dir;
  dir.raw("base/a.img");
  const top = `${path}/vm/top.qcow2`;
  for (const name of ["../base/a.img", `${path}/base/a.img`]) {
    dir.image("vm/top.qcow2", { backing: { name, format: "raw" } });
    assertMatch(await refused(top), /own folder/);
    assertMatch(await refused(top, `${path}/vm`), /own folder/);
    const layers = await chainOf(top, `${path}/base`);
    assertEquals(layers, [[`${path}/base/a.img`, "file", "raw"]]);
  }
});

Deno.test("readChain() is led to no other file of the node", async () => {
  using dir = folder();
  const { path } = dir;
  const top = `${path}/vm/top.qcow2`;
  const noPath = [
    'json:{"driver":"file","filename":"/etc/shadow"}',
    "nbd://localhost/x",
    "file:/etc/shadow",
    "host_device:/dev/sda",
    "a\nb",
    "a\x7fb",
    "a\x1fb",
  ];
  const elsewhere = [
    ...["../../etc/shadow", "/etc/shadow", "/dev/zero", "../vm"],
    "missing.img",
  ];
  for (const name of [...noPath, ...elsewhere]) {
    dir.image("vm/top.qcow2", { backing: { name, format: "raw" } });
    const isPath = !/must be a path, but is "/.test(await refused(top));
    assertEquals(isPath, elsewhere.includes(name), name);
  }
  for (const name of ["a image", "a~b", "./with:colon"]) {
    dir.raw(`vm/${name}`);
    dir.image("vm/top.qcow2", { backing: { name, format: "raw" } });
    assertEquals((await chainOf(top)).length, 1);
  }
  Deno.symlinkSync("/etc/passwd", `${path}/vm/link.img`);
  const backing = { name: "link.img", format: "raw" };
  dir.image("vm/top.qcow2", { backing });
  assertMatch(await refused(top), /\/etc\/passwd/);
});

Deno.test("readChain() probes no format and follows no other", async () => {
  using dir = folder();
  const top = `${dir.path}/vm/top.qcow2`;
  dir.raw("vm/a.img");
  for (const format of [undefined, "vmdk", "file"]) {
    dir.image("vm/top.qcow2", { backing: { name: "a.img", format } });
    const said = format === undefined ? "not named" : `"${format}"`;
    assertMatch(
      await refused(top),
      new RegExp(`format of its backing file must be .*, it is ${said}$`),
    );
  }
  dir.image("vm/top.qcow2", { backing: { name: "a.img", format: "qcow2" } });
  assertMatch(await refused(top), /not a qcow2/);
  assertMatch(await refused(`${dir.path}/vm/a.img`), /not a qcow2/);
});

Deno.test("readChain() ends at a loop, and after 16 images", async () => {
  using dir = folder();
  const link = (from: number, to: number) =>
    dir.image(`vm/${from}.qcow2`, {
      backing: { name: `${to}.qcow2`, format: "qcow2" },
    });
  dir.image("vm/16.qcow2", {});
  for (let i = 15; i >= 0; i--) link(i, i + 1);
  assertMatch(await refused(`${dir.path}/vm/0.qcow2`), /more than 16/);
  assertEquals((await chainOf(`${dir.path}/vm/1.qcow2`)).length, 15);
  link(3, 1);
  assertMatch(await refused(`${dir.path}/vm/1.qcow2`), /leads back/);
  link(3, 3);
  assertMatch(await refused(`${dir.path}/vm/3.qcow2`), /leads back/);
});

Deno.test("readChain() takes an allowed folder by its links, too", async () => {
  using dir = folder();
  const { path } = dir;
  dir.raw("base/a.img");
  const top = `${path}/vm/top.qcow2`;
  Deno.symlinkSync(`${path}/base`, `${path}/link`);
  dir.image("vm/top.qcow2", {
    backing: { name: "../base/a.img", format: "raw" },
  });
  const layers = [[`${path}/base/a.img`, "file", "raw"]];
  assertEquals(await chainOf(top, `${path}/link`), layers);
  assertEquals(await chainOf(top, "/"), layers);
  assertMatch(await refused(top, `${path}/bas`), /allow-backing .*ENOENT/);
  Deno.mkdirSync(`${path}/bas`);
  assertMatch(
    await refused(top, `${path}/bas`),
    new RegExp(`own folder ${path}/vm$`),
  );
});

Deno.test("readChain() takes a want of descriptors for no refusal", async () => {
  using dir = folder();
  dir.image("vm/top.qcow2", {});
  const path = `${dir.path}/vm/top.qcow2`;
  const needs = { access: "rw", direct: false } as const;
  const { source, pinned } = await inspectSource(path, needs);
  using _pinned = pinned;
  const options = { allowed: dir.path, direct: false };
  await withFreeFds(0, async () => {
    await assertRejects(
      () => readChain(source, pinned, options),
      ShortageError,
    );
  });
});

/** Has byte 101 locked, as a QEMU that writes; 37 is F_OFD_SETLK. */
const WRITER = `
import fcntl, struct, sys
file = open(sys.argv[1], "rb")
lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 101, 1, 0)
fcntl.fcntl(file, 37, lock)
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;

Deno.test("readChain() takes nothing that somebody writes to", async () => {
  using dir = folder();
  const top = `${dir.path}/vm/top.qcow2`;
  dir.raw("vm/a.img");
  dir.image("vm/top.qcow2", { backing: { name: "a.img", format: "raw" } });
  await beside(WRITER, `${dir.path}/vm/a.img`, async (pid) => {
    const said = await refused(top);
    assertMatch(said, new RegExp(`a.img: .*pid ${pid}.* writes to it`));
  });
});

Deno.test("readChain() asks each file system for O_DIRECT, if that is wanted", async () => {
  using dir = folder();
  // It never had it.
  run("mount", "-t", "ramfs", "none", `${dir.path}/base`);
  try {
    const backing = { name: "a.img", format: "raw" } as const;
    for (const [name, can] of [["vm", true], ["base", false]] as const) {
      dir.raw(`${name}/a.img`);
      dir.image(`${name}/top.qcow2`, { backing });
      const top = `${dir.path}/${name}/top.qcow2`;
      assertEquals((await chainOf(top)).length, 1);
      const direct = { direct: true };
      if (can) assertEquals((await chainOf(top, undefined, direct)).length, 1);
      else assertMatch(await refused(top, undefined, direct), /O_DIRECT/);
    }
  } finally {
    run("umount", `${dir.path}/base`);
  }
});

Deno.test({
  ...unless(
    withoutDevice("/dev/loop-control"),
    "readChain() takes a device's folder as it was said",
  ),
  async fn() {
    using dir = folder();
    const { path } = dir;
    dir.raw("base/a.img");
    Deno.truncateSync(`${path}/base/a.img`, 4096);
    dir.image("base/top.qcow2", {
      backing: { name: `${path}/vm/a.img`, format: "raw" },
    });
    Deno.truncateSync(`${path}/base/top.qcow2`, 4096);
    dir.raw("vm/a.img");
    const [lower, upper] = ["a.img", "top.qcow2"].map((name) =>
      run("losetup", "--find", "--show", `${path}/base/${name}`)
    );
    try {
      const said = await refused(upper ?? "");
      assertMatch(said, /must lie in the image's own folder$/);
      // All devices are in /dev: where they really lie says nothing.
      Deno.symlinkSync("/dev", `${path}/vg`);
      const name = (lower ?? "").replace("/dev", `${path}/vg`);
      dir.image("vm/top.qcow2", { backing: { name, format: "raw" } });
      const top = `${path}/vm/top.qcow2`;
      assertMatch(await refused(top), /own folder/);
      assertEquals(await chainOf(top, `${path}/vg`), [[lower, "block", "raw"]]);
      assertMatch(await refused(top, `${path}/base`), /own folder/);
    } finally {
      for (const one of [lower, upper]) run("losetup", "--detach", one ?? "");
    }
  },
});
