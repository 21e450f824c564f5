import { assertEquals, assertStringIncludes } from "@std/assert";
import { inspectSource } from "../../lib/host/source.ts";
import { run, TempDir } from "../sys/support.ts";

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
