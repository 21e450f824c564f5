/** The step that removes what an interrupted operation left. */
import { assertEquals, assertRejects } from "@std/assert";
import { World } from "../../lib/engine/world.ts";
import { kindOf, STEPS } from "../support/steps.ts";

const OPTIONS = { qmpPath: "", timeoutMs: 1, unplugTimeoutMs: 1, steps: STEPS };

Deno.test("remove-leftover removes a file, and follows no link", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  const name = "vm1.runtimeabcdefgh.new";
  const stepIn = (directory: string) => {
    const step = {
      kind: "remove-leftover",
      path: `${directory}/${name}`,
    } as const;
    const kind = kindOf(step);
    return {
      do: async () => await kind.do(step, world),
      confirm: () => kind.confirm(step, world),
    };
  };
  using world = new World(undefined, OPTIONS);
  try {
    Deno.mkdirSync(`${folder}/real`);
    Deno.symlinkSync("real", `${folder}/link`);
    Deno.writeTextFileSync(`${folder}/real/${name}`, "x");
    const before = [...Deno.readDirSync("/proc/self/fd")].length;
    const there = () =>
      [...Deno.readDirSync(`${folder}/real`)].map((one) => one.name);
    await assertRejects(stepIn(`${folder}/link`).do, Error, "");
    assertEquals(there(), [name]);
    const real = stepIn(`${folder}/real`);
    assertEquals(await real.confirm(), "not-done");
    await real.do();
    assertEquals([there(), await real.confirm()], [[], "done"]);
    // What it leads to is somebody else's.
    Deno.writeTextFileSync(`${folder}/target`, "x");
    Deno.symlinkSync("../target", `${folder}/real/${name}`);
    await real.do();
    assertEquals(Deno.readTextFileSync(`${folder}/target`), "x");
    assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
