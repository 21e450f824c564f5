import { assertEquals } from "@std/assert";
import { seenBy } from "../../lib/host/seen_path.ts";
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
