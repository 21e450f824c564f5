/** The step that makes a first runtime file, on a file system. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { World } from "../../lib/engine/world.ts";
import { kindOf, STEPS } from "../support/steps.ts";
import { refusal, runtimeText } from "../support/facts.ts";

const OPTIONS = { qmpPath: "", timeoutMs: 1, unplugTimeoutMs: 1, steps: STEPS };

/** The step, in a folder of its own. */
function create() {
  const folder = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  const path = `${folder}/vm1.runtime`;
  const text = runtimeText({});
  const temporary = "vm1.runtimeabcdefgh.new";
  const step = { kind: "create-state", path, temporary, text } as const;
  const kind = kindOf(step);
  const world = new World(undefined, OPTIONS);
  return {
    ...{ path, text, temporary: `${folder}/${temporary}` },
    do: () => kind.do(step, world),
    undo: () => kind.undo(step, world),
    confirm: () => kind.confirm(step, world),
    files: () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
    [Symbol.dispose]() {
      world[Symbol.dispose]();
      Deno.removeSync(folder, { recursive: true });
    },
  };
}

Deno.test("create-state writes the whole file, which is root's alone", async () => {
  using made = create();
  assertEquals(await made.confirm(), "not-done");
  await made.do();
  assertEquals(Deno.readTextFileSync(made.path), made.text);
  assertEquals((Deno.statSync(made.path).mode ?? 0) & 0o7777, 0o600);
  assertEquals([made.files(), await made.confirm()], [["vm1.runtime"], "done"]);
  await made.undo();
  assertEquals([made.files(), await made.confirm()], [[], "not-done"]);
  const before = [...Deno.readDirSync("/proc/self/fd")].length;
  await made.do();
  await made.undo();
  assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before);
});

Deno.test("create-state never writes over a file that is there", async () => {
  using made = create();
  Deno.writeTextFileSync(made.path, "[]");
  const { message } = refusal("state-write-failed", made.do);
  assertStringIncludes(message, `Cannot make runtime file ${made.path}: `);
  assertEquals(Deno.readTextFileSync(made.path), "[]");
  assertEquals(made.files(), ["vm1.runtime"]);
  await Deno.remove(made.path);
  // What a kill left beside it is in nobody's way.
  await Deno.writeTextFile(made.temporary, "left over");
  await made.do();
  assertEquals(Deno.readTextFileSync(made.path), made.text);
  assertEquals(made.files(), ["vm1.runtime"]);
});

Deno.test("create-state takes back only what nobody has changed since", async () => {
  using made = create();
  await made.do();
  const changed = runtimeText({ hvparams: {} });
  await Deno.writeTextFile(made.path, changed);
  await Deno.writeTextFile(made.temporary, "left over");
  assertEquals(await made.confirm(), "not-done");
  await made.undo();
  assertEquals(Deno.readTextFileSync(made.path), changed);
  assertEquals(made.files(), ["vm1.runtime"]);
});
