/** The program as esbuild splits it: the same wherever that is done. */
import { assert } from "@std/assert";
import { bundleChunks, chunkName } from "../../tools/build/bundle.ts";
import { joinChunks } from "../../tools/build/chunks.ts";
import { run } from "../../tools/guest/run.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const LIST = "lib/commands/list.ts";

/** Runs an action with another folder as Deno's cache. */
async function withCache<T>(folder: string, action: () => Promise<T>) {
  const before = Deno.env.get("DENO_DIR");
  Deno.env.set("DENO_DIR", folder);
  try {
    return await action();
  } finally {
    if (before === undefined) Deno.env.delete("DENO_DIR");
    else Deno.env.set("DENO_DIR", before);
  }
}

Deno.test("bundleChunks() gives one program, whatever Deno's cache is called", async () => {
  const info = await run(Deno.execPath(), ["info", "--json"]);
  const { denoDir } = JSON.parse(info);
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-bundle-" });
  const other = `${folder}/cache`;
  try {
    // esbuild would look through a link.
    await Deno.mkdir(other);
    await run("mount", ["--bind", denoDir, other]);
    const split = async (cache: string, name: string) => {
      const out = `${folder}/${name}`;
      await Deno.mkdir(out);
      return await withCache(
        cache,
        () => bundleChunks(MAIN, { folder: out, named: [LIST] }),
      );
    };
    const here = await split(denoDir, "here");
    const there = await split(other, "there");
    const names = (chunks: readonly { name: string }[]) =>
      chunks.map(({ name }) => name).sort().join();
    assert(names(here) !== names(there), "no control");
    // Not assertEquals(): it would print half a megabyte.
    const [one, two] = [here, there].map((chunks) =>
      JSON.stringify(joinChunks(chunks, [[chunkName(LIST)]]))
    );
    assert(one === two, "the programs differ");
  } finally {
    await run("umount", [other]);
    await Deno.remove(folder, { recursive: true });
  }
});
