import { assertEquals } from "@std/assert";
import { seenBy } from "../../lib/host/seen_path.ts";
import { identityOf } from "../../lib/host/identity.ts";
import { statPath } from "../../lib/sys/file.ts";
import { TempDir } from "../sys/support.ts";

function changedAt(path: string): number {
  const { ctime, mtime } = Deno.lstatSync(path);
  return Math.max(ctime!.getTime(), mtime!.getTime());
}

Deno.test("seenBy() tells when a path can have begun to lead there", async () => {
  using dir = new TempDir();
  const [files, links] = [dir.at("files"), dir.at("links")];
  for (const one of [files, links]) Deno.mkdirSync(one);
  Deno.writeTextFileSync(`${files}/a`, "data");
  Deno.symlinkSync(`${files}/a`, `${links}/a`);
  const changed = async (path: string) =>
    (await seenBy(Deno.pid, path)).changedMs;
  // ctime counts where mtime was set back.
  Deno.utimeSync(files, 1, 1);
  assertEquals(await changed(`${files}/a`), changedAt(files));
  // A directory with a link counts, and so does the one it leads to.
  const [soon, later] = [4_000_000_000, 4_100_000_000];
  Deno.utimeSync(links, soon, soon);
  assertEquals(await changed(`${files}/a`), changedAt(files));
  assertEquals(await changed(`${links}/a`), soon * 1000);
  Deno.utimeSync(files, later, later);
  assertEquals(await changed(`${links}/a`), later * 1000);
  assertEquals(await changed(`${links}/none`), Infinity);
});

Deno.test("seenBy() follows links as the kernel does, 40 of them", async () => {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("a"));
  Deno.mkdirSync(dir.at("a/b"));
  dir.file("a/b/disk", "disk");
  const disk = identityOf(statPath(dir.at("a/b/disk")));
  const seen = async (name: string) =>
    (await seenBy(Deno.pid, dir.at(name))).identity;
  Deno.symlinkSync("../a", dir.at("a/up"));
  Deno.symlinkSync(`${dir.path}/a/b`, dir.at("b"));
  const names = ["a/b/disk", "a/up/b/disk", "a/up/up/b/./disk", "b/../b/disk"];
  for (const name of names) assertEquals(await seen(name), disk, name);
  assertEquals(await seen("a/b/none"), undefined);
  // Each leads to the one before.
  Deno.symlinkSync("a/b/disk", dir.at("l1"));
  for (let n = 2; n <= 41; n++) Deno.symlinkSync(`l${n - 1}`, dir.at(`l${n}`));
  assertEquals([await seen("l40"), await seen("l41")], [disk, undefined]);
});
