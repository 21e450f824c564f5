/** What `--via compile` makes; it needs a runtime that Deno downloads. */
import { assertEquals } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { buildExecutable } from "../../tools/build/executable.ts";
import { run } from "../../tools/guest/run.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { ifPossible } from "../support/left_out.ts";

const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-compiled-" });
const out = `${folder}/kvm-hotplug`;
const why = await buildExecutable({ out, via: "compile" }).then(
  () => undefined,
  (error) => `${error instanceof Error ? error.message : error}`,
);

Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

Deno.test({
  ...ifPossible(why, "what deno compile makes says what the packed one says"),
  fn: async () => {
    const args = ["--run-dir", folder, "list", "--json"];
    assertEquals(await run(out, ["--version"]), `kvm-hotplug ${VERSION}\n`);
    assertEquals(await run(out, args), await run(EXECUTABLE, args));
  },
});
