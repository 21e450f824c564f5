import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Call } from "../../lib/commands/answer.ts";
import { parseInvocation } from "../../lib/commands/args.ts";
import { completion } from "../../lib/commands/completion.ts";
import { HotplugError } from "../../lib/errors.ts";
import { disk, idOf, runtimeText } from "../support/facts.ts";

/** What `completion` says to words, on a node with two instances. */
async function said(words: readonly string[], flags: readonly string[] = []) {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-complete-" });
  try {
    const conf = `${runDir}/kvm-hypervisor/conf`;
    Deno.mkdirSync(conf, { recursive: true });
    const text = runtimeText({ disks: [disk(0, 12, { name: "data" })] });
    Deno.writeTextFileSync(`${conf}/vm1.example.com.runtime`, text);
    Deno.writeTextFileSync(`${conf}/vm2.runtime`, runtimeText({}));
    let out = "";
    const line = words.map((word) => word.replace("RUNDIR", runDir));
    const call = {
      invocation: parseInvocation([...flags, "completion", "--", ...line]),
      terminal: {
        env: (name: string) =>
          name === "KVM_HOTPLUG_RUN_DIR" ? runDir : undefined,
        out: (text: string) => out += text,
      },
    } as unknown as Call;
    const answer = await completion(call);
    return { out, answer };
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

async function words(...line: string[]): Promise<string[]> {
  const { out } = await said(["words", ...line]);
  return out.split("\n").slice(0, -1).map((one) => one.split("\t")[0] ?? "");
}

Deno.test("completion() has a script for each shell, and names them", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { answer, out } = await said([shell]);
    assertMatch(answer?.text.join("\n") ?? "", /completion words --/);
    assertEquals(answer?.document.script, answer?.text.join("\n"));
    assertEquals([answer?.document.ok, out], [true, ""]);
  }
  const { message, hint } = await assertRejects(
    () => said(["csh"]),
    HotplugError,
  );
  assertEquals([message, hint], [
    'Unknown shell "csh"',
    "shells: bash, zsh, fish",
  ]);
});

Deno.test("completion() of words has a candidate a line, and its note", async () => {
  const { out, answer } = await said(["words", "lis"]);
  assertEquals(answer, undefined);
  assertEquals(out, "list\tshow the instances, or the devices of one\n");
  assertEquals((await said(["words", "nonsense", ""])).out, "");
  assertEquals((await said(["words", "--log", ""])).out, ":files\n");
  const json = await said(["words", "lis"], ["--json"]);
  assertEquals([json.out, json.answer?.text], ["", []]);
  assertEquals(json.answer?.document.words, [
    { word: "list", note: "show the instances, or the devices of one" },
  ]);
});

Deno.test("completion() asks this node for instances and devices", async () => {
  const names = ["vm1.example.com", "vm2"];
  assertEquals(await words("list", ""), names);
  assertEquals(await words("check", "vm1"), names.slice(0, 1));
  const found = await words("disk", "remove", "vm1", "");
  assertEquals([found.includes("data"), found.includes(idOf("disk", 0))], [
    true,
    true,
  ]);
  assertEquals(await words("nic", "remove", "vm1", ""), []);
  assertEquals(await words("disk", "remove", "vm9", ""), []);
  assertEquals(await words("disk", "remove", "..", ""), []);
  // None of them can be asked.
  assertEquals(await words("qmp", "vm1", "query"), []);
  assertEquals(await words("qmp", "/nowhere/x", "query"), []);
  assertEquals(await words("events", "vm1", "--until", ""), []);
});

Deno.test("completion() looks in the run directory that is typed", async () => {
  assertEquals(await words("--run-dir", "/nowhere", "list", ""), []);
  assertEquals(await words("--run-dir=/nowhere", "list", ""), []);
  assertEquals((await words("--run-dir", "RUNDIR", "list", "")).length, 2);
  assertEquals((await words("--run-dir=RUNDIR", "list", "")).length, 2);
});
