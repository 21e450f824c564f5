import { assertEquals, assertMatch } from "@std/assert";
import { readChain } from "../../lib/host/backing_chain.ts";
import { HotplugError } from "../../lib/errors.ts";
import { inspectSource } from "../../lib/host/source.ts";
import { qcow2Header, type Qcow2Spec } from "../support/qcow2_image.ts";
import { assert } from "../support/facts.ts";

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

async function chainOf(path: string, allowed?: string) {
  const needs = { access: "rw", direct: false } as const;
  const { source, pinned } = await inspectSource(path, needs);
  using _pinned = pinned;
  const chain = await readChain(source, pinned, { allowed, direct: false });
  for (const fd of chain.pins) fd.close();
  return chain.layers.map(({ path, kind, format }) => [path, kind, format]);
}

async function refused(path: string, allowed?: string): Promise<string> {
  const before = fdCount();
  try {
    await chainOf(path, allowed);
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
  const names = [
    "../../etc/shadow",
    "/etc/shadow",
    'json:{"driver":"file","filename":"/etc/shadow"}',
    "nbd://localhost/x",
    "file:/etc/shadow",
    "host_device:/dev/sda",
    "/dev/zero",
    "../vm",
    "missing.img",
    "a\nb",
  ];
  for (const name of names) {
    dir.image("vm/top.qcow2", { backing: { name, format: "raw" } });
    await refused(top);
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
    assertMatch(await refused(top), /format of its backing file/);
  }
  dir.image("vm/top.qcow2", { backing: { name: "a.img", format: "qcow2" } });
  assertMatch(await refused(top), /no qcow2/);
  assertMatch(await refused(`${dir.path}/vm/a.img`), /no qcow2/);
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
