import { assertEquals, assertRejects } from "@std/assert";
import { partsLeftOut, unlessLeftOut } from "../../tools/guest/without.ts";
import { countCases, countJunit, failuresOf } from "../../tools/test/junit.ts";
import { ifPossible, unless, withoutDevice } from "../support/left_out.ts";

/** A JUnit document as `deno test` writes it. */
function junit(...cases: string[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test">
<testsuite name="./a_test.ts">
${cases.join("\n")}
</testsuite>
</testsuites>`;
}

const PASSED =
  '<testcase name="p" classname="./a_test.ts" time="0.1"></testcase>';
const FAILED =
  '<testcase name="f" time="0.1"><failure message="no">no</failure></testcase>';
const SKIPPED =
  '<testcase name="s &quot;a&quot; &lt;b&gt; &amp;lt; (skipped: no b)" time="0"><skipped/></testcase>';
const SKIPPED_NAME = 's "a" <b> &lt; (skipped: no b)';

Deno.test("countCases() tells the names of the tests that were left out", () => {
  assertEquals(countCases(junit(PASSED, FAILED, SKIPPED)), {
    passed: 1,
    failed: 1,
    failures: ["f: no"],
    skipped: [SKIPPED_NAME],
  });
});

Deno.test("countCases() names what failed, not the test around it", () => {
  const steps = '<testcase name="a"><failure message="1 test step failed">' +
    "1 test step failed.</failure></testcase>";
  const step = '<testcase name="a &gt; b"><failure message="Uncaught Error: ' +
    'it is\nbad">Error: it is\nbad</failure></testcase>';
  const { failed, failures } = countCases(junit(steps, step));
  assertEquals([failed, failures], [2, ["a > b: Error: it is"]]);
});

/** What a process that wrote this document counts as. */
async function counted(text: string | undefined, succeeded: boolean) {
  const path = await Deno.makeTempFile();
  try {
    if (text === undefined) await Deno.remove(path);
    else await Deno.writeTextFile(path, text);
    const { passed, failed, skipped } = await countJunit(path, succeeded);
    return [passed, failed, skipped.length];
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

Deno.test("countJunit() fails a process without tests, not one without parts", async () => {
  assertEquals(await counted(junit(PASSED, SKIPPED), true), [1, 0, 1]);
  assertEquals(await counted(junit(SKIPPED), true), [0, 0, 1]);
  assertEquals(await counted(junit(SKIPPED), false), [0, 1, 1]);
  assertEquals(await counted(junit(), true), [0, 1, 0]);
  assertEquals(await counted(undefined, true), [0, 1, 0]);
  assertEquals(await counted(junit(FAILED), false), [0, 1, 0]);
});

Deno.test("unless() names why a test is left out", () => {
  assertEquals(unless(undefined, "a"), { name: "a", ignore: false });
  assertEquals(unless(withoutDevice("/dev/null"), "a").ignore, false);
  assertEquals(unless(withoutDevice("/dev"), "a"), {
    name: "a (skipped: no /dev)",
    ignore: true,
  });
});

Deno.test("failuresOf() counts in CI what was left out and need not be", () => {
  const names = [unless("no b", "a").name, ifPossible("no d", "c").name];
  const count = { passed: 5, failed: 2, failures: [], skipped: names };
  assertEquals(failuresOf(count, "CI"), 3);
  assertEquals(failuresOf(count, "elsewhere"), 2);
});

/** With `CI` set so, and without a part that an earlier set-up left out. */
async function withCI(value: string, body: () => Promise<void>) {
  const names = ["CI", "KVM_HOTPLUG_TEST_WITHOUT_GANETI"];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  for (const name of names) Deno.env.delete(name);
  Deno.env.set("CI", value);
  try {
    await body();
  } finally {
    for (const [name, old] of before) {
      if (old === undefined) Deno.env.delete(name);
      else Deno.env.set(name, old);
    }
  }
}

Deno.test("unlessLeftOut() tries once and keeps the reason", () =>
  withCI("", async () => {
    const lines: string[] = [];
    const options = {
      log: (line: string) => lines.push(line),
      inCI: "required",
    } as const;
    const get = () => Promise.reject(new Error("no such\n  package"));
    assertEquals(await unlessLeftOut("GANETI", get, options), undefined);
    const again = () => Promise.resolve("tried again");
    assertEquals(await unlessLeftOut("GANETI", again, options), undefined);
    assertEquals(lines, ["WARNING: without Ganeti: no such package"]);
    assertEquals(
      partsLeftOut().filter(([name]) => name === "Ganeti"),
      [["Ganeti", "no such package"]],
    );
  }));

Deno.test("unlessLeftOut() leaves nothing out that CI requires", () =>
  withCI("true", async () => {
    const get = () => Promise.reject(new Error("no such package"));
    const log = () => {};
    await assertRejects(
      () => unlessLeftOut("GANETI", get, { log, inCI: "required" }),
      Error,
      "no such package",
    );
    const optional = { log, inCI: "optional" } as const;
    assertEquals(await unlessLeftOut("GANETI", get, optional), undefined);
  }));
