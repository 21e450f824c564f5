/** A disk that QEMU reaches by itself, as a client of an NBD server. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { blockdevArguments } from "../../lib/device/disk.ts";
import { Schema } from "../../lib/qmp/schema.ts";
import { checkArguments, SchemaError } from "../../lib/qmp/schema_check.ts";
import { until } from "../../tools/guest/deadline.ts";
import { eachRelease } from "../lab/each_release.ts";
import { assertUsed, openFolder, POOL, rootImage, UUID } from "../lab/jail.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** Serves an image by NBD on a unix socket. */
async function serve(image: string, socket: string) {
  const node = { driver: "file", "node-name": "image", filename: image };
  const place = `addr.type=unix,addr.path=${socket}`;
  const child = new Deno.Command("qemu-storage-daemon", {
    args: [
      ...["--blockdev", JSON.stringify(node)],
      ...["--nbd-server", place],
      ...["--export", "nbd,id=e,node-name=image,name=data,writable=on"],
    ],
  }).spawn();
  const look = () => Deno.lstat(socket).catch(() => undefined);
  const what = "the NBD server's socket";
  await until(look, { what });
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

const FOREIGN = "--not-migratable";

/** The addition is refused before anything changed; returns its message. */
async function refused(vm: Vm, ...words: string[]): Promise<string> {
  const before = await snapshot(vm);
  const add = await tool(vm, "disk", "add", vm.name, ...words);
  assertEquals([add.status, add.json.changed], [3, false], add.stdout);
  assertEquals(await snapshot(vm), before);
  return add.json.error.message;
}

eachRelease("a disk by NBD is used and removed", async (vm, t) => {
  const image = await rootImage(`${await openFolder(vm)}/d1.img`);
  const socket = `${vm.runDir}/nbd.sock`;
  await using _server = await serve(image, socket);
  const uri = `nbd+unix:///data?socket=${socket}`;

  await t.step("Ganeti could not repeat it: refused unless said", async () => {
    const message = await refused(vm, uri);
    assertMatch(message, /could not open/);
  });

  await t.step("the guest reads and writes it", async () => {
    const before = await snapshot(vm);
    const words = ["disk", "add", vm.name, uri, "--uuid", UUID, FOREIGN];
    const add = await tool(vm, ...words);
    assertEquals(add.status, 0, add.stdout + add.stderr);
    assertEquals(add.json.device.via, "uri");
    await assertUsed(vm, image);
    const list = await tool(vm, "list", vm.name);
    const [device] = list.json.devices;
    assertEquals(
      [device.status, device.via, device.source],
      ["ok", "uri", uri],
    );
    const again = await tool(vm, ...words);
    assertEquals([again.status, again.json.changed], [0, false], again.stdout);
    const remove = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("an export that is not there is undone", async () => {
    const before = await snapshot(vm);
    const wrong = `nbd+unix:///none?socket=${socket}`;
    const add = await tool(vm, "disk", "add", vm.name, wrong, FOREIGN);
    assertEquals([add.status, add.json.error.code], [5, "qmp-error"]);
    assertEquals(await snapshot(vm), before);
  });
});

eachRelease("a disk by NBD is refused in a chroot", async (vm) => {
  const image = await rootImage(`${await openFolder(vm)}/d1.img`);
  const socket = `${vm.runDir}/nbd.sock`;
  await using _server = await serve(image, socket);
  const unix = `nbd+unix:///data?socket=${socket}`;
  const message = await refused(vm, unix, FOREIGN);
  assertMatch(message, /nbd\.sock.*(?:EACCES|ENOENT)/);
  const named = await refused(vm, "nbd://localhost/data", FOREIGN);
  assertMatch(named, /resolve localhost/);
  const rbd = await refused(vm, "rbd:rbd/data");
  assertMatch(rbd, /rbd/);
}, { ...POOL.options, guest: "none" });

/** Serves an image by NBD on a port of its own, by qemu-nbd. */
async function serveTcp(image: string) {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const place = ["--bind", "127.0.0.1", "--port", `${port}`];
  const child = new Deno.Command("qemu-nbd", {
    args: ["--persistent", "-f", "raw", ...place, "-x", "data", image],
  }).spawn();
  const look = async () => {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      return undefined;
    }
  };
  await until(look, { what: "qemu-nbd's port" });
  return {
    uri: `nbd://127.0.0.1:${port}/data`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

eachRelease("a disk of qemu-nbd over TCP is used and removed", async (vm) => {
  const image = await rootImage(`${await openFolder(vm)}/d1.img`);
  await using server = await serveTcp(image);
  const before = await snapshot(vm);
  const words = ["disk", "add", vm.name, server.uri, "--uuid", UUID];
  const add = await tool(vm, ...words, FOREIGN);
  assertEquals(add.status, 0, add.stdout + add.stderr);
  await assertUsed(vm, image);
  const resize = await tool(vm, "disk", "resize", vm.name, UUID);
  assertEquals([resize.status, resize.json.error?.hint], [
    3,
    "give the new SIZE",
  ]);
  const same = await tool(vm, "disk", "resize", vm.name, UUID, "8M");
  assertEquals([same.status, same.json.changed], [0, false], same.stdout);
  const remove = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
  assertEquals(await snapshot(vm), before);
});

/** Every form of every scheme: nobody serves them here. */
const URIS = [
  "rbd:pool/image",
  "rbd:pool/image:id=me",
  "gluster://10.0.0.1:24007/vol/dir/disk",
  "gluster+tcp://[fe80::1]/vol/disk",
  "gluster+unix:///vol/disk?socket=/run/glusterd.socket",
  "iscsi://10.0.0.1/iqn.2026-11.example:disk/3",
  "nbd://10.0.0.1/data",
  "nbd+unix:///data?socket=/run/nbd.sock",
  "nbd:localhost:10809:exportname=data",
];

eachRelease("what a URI becomes fits QEMU's own schema", async (vm) => {
  const schema = new Schema(await vm.qmp.execute("query-qmp-schema"));
  const type = schema.argumentsOf("blockdev-add") ?? "";
  const settings = {
    ...{ cache: "default", aio: "threads", discard: "ignore" },
    access: "rw" as const,
  };
  const node = { id: "disk-d0000001", devType: "rbd", settings };
  for (const uri of URIS) {
    const args = blockdevArguments(node, { from: { uri } });
    checkArguments(schema, type, args, "");
    const file = { ...args.file as Record<string, unknown>, "bo-gus": 1 };
    assertThrows(
      () => checkArguments(schema, type, { ...args, file }, ""),
      SchemaError,
    );
  }
}, { guest: "none" });
