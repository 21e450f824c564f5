import { assertEquals, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { replaceOutput } from "../../lib/state/output_file.ts";
import { flock, openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";

const OPTIONS = { lockTimeoutMs: 0 };

async function inFolder(work: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-output-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

async function refused(path: string, code: string, message: RegExp) {
  const error = await assertRejects(
    () => replaceOutput(path, "new", OPTIONS),
    HotplugError,
  );
  assertEquals([error.code, message.test(error.message)], [code, true]);
}

Deno.test("replaceOutput() makes a file that all may read, and replaces it", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/m.prom`;
    const umask = Deno.umask(0o077);
    try {
      await replaceOutput(path, "one\n", OPTIONS);
    } finally {
      Deno.umask(umask);
    }
    const { mode, ino, uid } = Deno.statSync(path);
    assertEquals([(mode ?? 0) & 0o7777, uid], [0o644, Deno.uid()]);
    // A reader that has the file open keeps the old content.
    using reader = Deno.openSync(path);
    await replaceOutput(path, "two\n", OPTIONS);
    assertEquals(Deno.readTextFileSync(path), "two\n");
    assertEquals(Deno.statSync(path).ino === ino, false);
    assertEquals(reader.statSync().size, 4);
    assertEquals(names(folder), ["m.prom"]);
  });
});

Deno.test("replaceOutput() follows no link, and replaces nothing but a file", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/secret`, "old");
    // A killed call, or the owner of the folder, left this.
    Deno.symlinkSync(`${folder}/secret`, `${folder}/.m.prom.new`);
    await replaceOutput(`${folder}/m.prom`, "new", OPTIONS);
    assertEquals(Deno.readTextFileSync(`${folder}/secret`), "old");
    assertEquals(names(folder), ["m.prom", "secret"]);
    Deno.symlinkSync(`${folder}/secret`, `${folder}/link.prom`);
    await refused(`${folder}/link.prom`, "refused", /regular file/);
    Deno.mkdirSync(`${folder}/dir.prom`);
    await refused(`${folder}/dir.prom`, "refused", /regular file/);
    await refused("/dev/null", "refused", /regular file/);
    assertEquals(Deno.readTextFileSync(`${folder}/secret`), "old");
    await refused(`${folder}/none/m.prom`, "refused", /none/);
    await refused(`${folder}/secret/m.prom`, "refused", /Not a directory/);
  });
});

Deno.test("replaceOutput() leaves the old file if the new one cannot be written", async () => {
  await inFolder(async (folder) => {
    const name = "m".repeat(252);
    await refused(`${folder}/${name}`, "host-error", /name too long/i);
    assertEquals(names(folder), []);
  });
});

Deno.test("replaceOutput() waits for another writer, for a limited time", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/m.prom`;
    const other = openFile(folder, O.RDONLY | O.DIRECTORY);
    assertEquals(flock(other, "exclusive"), true);
    await refused(path, "busy", /locked/);
    const waiting = replaceOutput(path, "new", { lockTimeoutMs: 10_000 });
    other.close();
    await waiting;
    assertEquals(Deno.readTextFileSync(path), "new");
  });
});

Deno.test("replaceOutput() of several writers at once leaves one whole content", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/m.prom`;
    const texts = ["a", "b", "c", "d"].map((one) => one.repeat(100_000));
    const limits = { lockTimeoutMs: 10_000 };
    await Promise.all(texts.map((text) => replaceOutput(path, text, limits)));
    assertEquals(texts.includes(Deno.readTextFileSync(path)), true);
    assertEquals(names(folder), ["m.prom"]);
  });
});
