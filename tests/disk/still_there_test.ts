/** Whether a disk that no entry records counts as gone. */
import { assertEquals, assertMatch } from "@std/assert";
import { servesUri, whyNotGone } from "../../lib/disk/still_there.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { backend, facts } from "../support/facts.ts";

const QMP = undefined as unknown as QmpSession;

Deno.test("whyNotGone() keeps the disks of a file from before 2.10", async () => {
  const path = await Deno.makeTempFile();
  using _open = await Deno.open(path);
  try {
    const drive = `file=${path},if=virtio,format=raw`;
    const text = JSON.stringify([["kvm", "-drive", drive], [], {}]);
    const runtime = parseRuntime(text, "/a.runtime");
    const process = { pid: Deno.pid, argv: [] };
    const block = [backend(0, { qdev: "/machine/peripheral-anon/device[0]" })];
    const given = facts({ qemu: { process, block } });
    const old = { ...given, content: { ...given.content, runtime } };
    const why = (paths: string[]) =>
      whyNotGone(old, { paths, uri: undefined, seq: 0 }, QMP);
    const words = /before 2\.10.*hotplug is not supported for such existing/;
    assertMatch(await why([path]) ?? "", words);
    // Nothing tells which file it is.
    assertMatch(await why([]) ?? "", words);
    // What was plugged since, and is out again, is known by its file.
    assertEquals(await why(["/etc/passwd"]), undefined);
    const other = { ...given, content: given.content };
    const volume = { paths: [path], uri: undefined, seq: undefined };
    assertMatch(
      await whyNotGone(other, volume, QMP) ?? "",
      /QEMU has .* open$/,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("whyNotGone() asks nothing more where all drives are recorded", async () => {
  const volume = { paths: [], uri: undefined, seq: undefined };
  assertEquals(await whyNotGone(facts(), volume, QMP), undefined);
  const cdrom = backend(0, { readOnly: true });
  const given = facts({ qemu: { block: [cdrom] } });
  assertEquals(await whyNotGone(given, volume, QMP), undefined);
});

Deno.test("servesUri() knows the forms in which QEMU tells of a node", () => {
  const rbd = "rbd:pool/img:id=admin";
  const nested = { driver: "rbd", pool: "pool", image: "img", user: "admin" };
  const node = (driver: string, file: string) =>
    servesUri({ name: "n", driver, file, sizeBytes: 1 }, rbd);
  assertEquals(node("rbd", `json:${JSON.stringify(nested)}`), true);
  const other = { ...nested, image: "other" };
  assertEquals(node("rbd", `json:${JSON.stringify(other)}`), false);
  assertEquals(node("rbd", "rbd:pool/other"), false);
  assertEquals(node("rbd", "what nobody knows"), true);
  assertEquals(node("file", "/srv/img"), false);
  const gluster = "gluster://10.0.0.1:24007/v/a/b";
  const flat =
    `json:{"driver": "gluster", "volume": "v", "path": "a/b", "server.0.type": "inet", "server.0.host": "10.0.0.1", "server.0.port": "24007"}`;
  const told = { name: "n", driver: "gluster", file: flat, sizeBytes: 1 };
  assertEquals(servesUri(told, gluster), true);
});
