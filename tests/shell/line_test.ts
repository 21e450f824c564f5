/** What the shell makes of a line, its help and its completion. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Schema } from "../../lib/qmp/schema.ts";
import { completeLine } from "../../lib/shell/complete.ts";
import { helpText, unknownCommand } from "../../lib/shell/help.ts";
import {
  isOwn,
  ownCommands,
  ownInvocation,
  runQmp,
  wholeWords,
} from "../../lib/shell/line.ts";
import { parseInvocation } from "../../lib/commands/args.ts";
import type { Target } from "../../lib/plan/facts.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { disk, idOf, refusal, runtimeText } from "../support/facts.ts";

const SCHEMA = new Schema([
  { name: "str", "meta-type": "builtin", "json-type": "string" },
  { name: "bool", "meta-type": "builtin", "json-type": "boolean" },
  { name: "none", "meta-type": "object", members: [] },
  { name: "kind", "meta-type": "enum", values: ["file", "net"] },
  {
    name: "link",
    "meta-type": "object",
    members: [{ name: "name", type: "str" }, { name: "up", type: "bool" }],
  },
  {
    name: "node",
    "meta-type": "object",
    tag: "driver",
    members: [{ name: "driver", type: "kind" }],
    variants: [{ case: "file", type: "link" }, { case: "net", type: "none" }],
  },
  {
    name: "stop",
    "meta-type": "command",
    "arg-type": "none",
    "ret-type": "none",
  },
  {
    name: "set_link",
    "meta-type": "command",
    "arg-type": "link",
    "ret-type": "none",
  },
  {
    name: "blockdev-add",
    "meta-type": "command",
    "arg-type": "node",
    "ret-type": "str",
  },
]);

function targetIn(runDir: string): Target {
  const paths = instancePaths(runDir, "vm1");
  return { label: "vm1", kind: "instance", paths };
}

const TARGET = targetIn("/nowhere");

Deno.test("isOwn() tells our commands on this VM from QEMU's", () => {
  const names = ownCommands().map(({ name }) => name);
  for (const name of ["list", "disk add", "nic remove", "repair", "adopt"]) {
    assert(names.includes(name), name);
  }
  for (const name of ["qmp", "events", "shell", "rpc", "help"]) {
    assert(!names.includes(name), name);
  }
  const own = (...words: string[]) => isOwn(words);
  assertEquals([own("disk"), own("disk", "add"), own("list")], [
    ...[true, true, true],
  ]);
  assertEquals([own("query-status"), own("qmp"), own()], [false, false, false]);
});

Deno.test("wholeWords() puts the VM's name behind the command", () => {
  const whole = (...words: string[]) => wholeWords(words, TARGET);
  assertEquals(whole("list", "--json"), ["list", "vm1", "--json"]);
  assertEquals(whole("disk", "add", "/x"), ["disk", "add", "vm1", "/x"]);
  assertEquals(whole("disk"), ["disk"]);
  assertEquals(whole("query-status"), ["query-status"]);
});

Deno.test("ownInvocation() keeps the shell's own options", () => {
  const base = parseInvocation(["--run-dir", "/g", "shell", "vm1"]);
  const { command, operands, values } = ownInvocation(
    ["disk", "remove", "0"],
    TARGET,
    base,
  );
  assertEquals([command?.name, operands], ["disk remove", ["vm1", "0"]]);
  assertEquals([...values], [["run-dir", "/g"]]);
  refusal("usage", () => ownInvocation(["disk", "frob"], TARGET, base));
  const { message } = refusal("usage", () => runQmp(SCHEMA, ["stop", "-"]));
  assertStringIncludes(message, "is not possible here");
});

Deno.test("helpText() is on the shell, on our commands and on QEMU's", () => {
  const overview = helpText([], SCHEMA).split("\n");
  assertEquals(
    overview[0],
    "Commands for this VM (without the instance's name):",
  );
  const text = overview.join("\n");
  assert(/^ {2}disk add SOURCE +\S/m.test(text), text);
  assertEquals(overview.slice(-4), [
    "QMP commands, with arguments as KEY=VALUE words or one JSON object:",
    "  query-status",
    "  set_link name=nic-003fc157-66a8-4e6d up=false",
    "help COMMAND explains a command; Tab completes words; exit ends the shell.",
  ]);
  const group = helpText(["disk"], SCHEMA);
  assertStringIncludes(group, "Usage: disk COMMAND");
  assertStringIncludes(group, "\n  disk add SOURCE ");
  assertStringIncludes(group, "\nhelp disk add shows");
  const usage = helpText(["disk", "add"], undefined);
  assertStringIncludes(usage, "Usage: disk add SOURCE [options]\n");
  assertStringIncludes(usage, "--format");
  const help = (...words: string[]) => helpText(words, SCHEMA).split("\n");
  assertEquals(help("stop"), ["stop returns: object", "  no arguments"]);
  assertEquals(help("set_link"), [
    "set_link returns: object",
    "  name  needed  string",
    "  up    needed  boolean",
  ]);
  assertEquals(help("blockdev-add").slice(1), [
    "  driver  needed  file | net",
    "  more by driver: help blockdev-add driver=…",
  ]);
  assertEquals(help("blockdev-add", "driver=file").length, 4);
  assertEquals(help("blockdev-add", "driver=net").length, 2);
  const unknown = refusal("unsupported", () => help("set_lin"));
  assertEquals([unknown.message, unknown.hint], [
    'This QEMU has no command "set_lin"',
    "did you mean set_link?",
  ]);
  const early = refusal("unsupported", () => helpText(["stop"], undefined));
  assertEquals(early.message, "No help on stop");
});

Deno.test("unknownCommand() leads on from each word", () => {
  const cases: [string, string][] = [
    ["ls", 'did you mean "list"?'],
    ["lst", "did you mean list?"],
    ["sto", "did you mean stop?"],
    ["info", "to list the devices, type: list"],
    ["info pci", 'type: human-monitor-command command-line="info pci"'],
    [
      "info stop",
      'type: query-stop, or: human-monitor-command command-line="info stop"',
    ],
    ["frobnicate", "help shows the commands"],
  ];
  const known = ["stop", "query-stop"];
  const schema = new Schema(known.map((name) => (
    { name, "meta-type": "command", "arg-type": "0", "ret-type": "0" }
  )));
  for (const [line, hint] of cases) {
    assertEquals(unknownCommand(line.split(" "), schema).hint, hint, line);
  }
});

Deno.test("completeLine() on an empty line groups ours and QEMU's", async () => {
  const found = await completeLine([""], {
    schema: SCHEMA,
    target: TARGET,
    onSession: () => Promise.reject(new Error("not asked")),
  });
  const gap = found.indexOf("");
  assert(found.slice(0, gap).includes("disk "), found.join());
  assertEquals(found.slice(gap), ["", "blockdev-add ", "set_link ", "stop "]);
});

Deno.test("completeLine() offers our words, QEMU's, and devices", async () => {
  const runDir = Deno.makeTempDirSync();
  Deno.mkdirSync(`${runDir}/kvm-hypervisor/conf`, { recursive: true });
  const path = `${runDir}/kvm-hypervisor/conf/vm1.runtime`;
  Deno.writeTextFileSync(path, runtimeText({ disks: [disk(0, 12)] }));
  Deno.chmodSync(path, 0o600);
  const complete = (line: string, where = runDir) =>
    completeLine(line.split(" "), {
      schema: SCHEMA,
      target: targetIn(where),
      onSession: (work) => work(undefined as never),
    });
  try {
    assertEquals(await complete("set"), ["set_link "]);
    assertEquals(await complete("e"), ["exit "]);
    assertEquals(await complete("help set"), ["set_link "]);
    assertEquals(await complete("help d"), ["disk "]);
    assertEquals(await complete("disk rem"), ["remove "]);
    assertEquals(await complete("disk remove "), ["0 ", `${idOf("disk", 0)} `]);
    assertEquals(await complete("disk remove x", "/nowhere"), []);
    assertEquals(await complete("disk add /x"), []);
    assertEquals(await complete("disk add /x --cache=no"), ["--cache=none "]);
    assertEquals(await complete("qmp set"), ["set_link "]);
    for (const before of ["", "qmp "]) {
      assertEquals(await complete(`${before}set_link u`), ["up="]);
      assertEquals(await complete(`${before}set_link up=t`), ["up=true "]);
    }
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});
