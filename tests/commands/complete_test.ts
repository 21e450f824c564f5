import { assertEquals } from "@std/assert";
import { complete, type Lookups } from "../../lib/commands/complete.ts";
import { Schema } from "../../lib/qmp/schema.ts";
import { completeArgument } from "../../lib/qmp/schema_complete.ts";

const word = (text: string) => ({ word: text, note: "" });

const LOOKUPS: Lookups = {
  instances: () => ["vm1.example.com", "vm2.example.com"].map(word),
  devices: (kind, instance) => [word(`${kind} of ${instance}`)],
  commands: (instance) => Promise.resolve([word(`query-${instance}`)]),
  args: (at) => Promise.resolve([word(JSON.stringify(at))]),
  events: (instance) => Promise.resolve([word(`EVENT_${instance}`)]),
  bridges: () => [word("br0")],
};

async function words(...line: string[]): Promise<string[] | string> {
  const found = await complete(line, LOOKUPS);
  return typeof found === "string" ? found : found.map((one) => one.word);
}

Deno.test("complete() begins with commands", async () => {
  assertEquals(await words("di"), ["disk"]);
  assertEquals(await words("disk", "rem"), ["remove"]);
  assertEquals(await words("disk", ""), ["add", "remove", "resize", "set"]);
  assertEquals(await words("--json", "ni"), ["nic"]);
  assertEquals(await words("--run-dir", "/x", "ni"), ["nic"]);
  assertEquals(await words("nonsense", ""), []);
});

Deno.test("complete() asks for instances, devices and files", async () => {
  assertEquals(await words("list", "vm2"), ["vm2.example.com"]);
  assertEquals(await words("disk", "remove", "vm1", ""), ["disk of vm1"]);
  assertEquals(await words("nic", "remove", "--json", "vm1", ""), [
    "nic of vm1",
  ]);
  assertEquals(await words("disk", "add", "vm1", "/dev/x"), "files");
  assertEquals(await words("disk", "add", "vm1", "/dev/x", ""), []);
  assertEquals(await words("qmp", "/run/x"), "files");
});

Deno.test("complete() offers options once, and their values", async () => {
  assertEquals(await words("disk", "add", "--cach"), ["--cache"]);
  assertEquals(await words("disk", "add", "--cache", "w"), [
    "writeback",
    "writethrough",
  ]);
  assertEquals(await words("disk", "add", "--cache=no"), ["--cache=none"]);
  assertEquals(await words("--run-dir", ""), "files");
  assertEquals(await words("--json", "list", "--js"), []);
  assertEquals(await words("list", "--cache=no"), []);
  assertEquals(await words("disk", "add", "--via", "m"), ["mknod"]);
  assertEquals(await words("disk", "add", "--driver", "n"), ["nvme"]);
  assertEquals(await words("nic", "add", "vm1", "--link", ""), ["br0"]);
  assertEquals(await words("nic", "add", "vm1", "--no-v"), [
    "--no-vhost",
    "--no-vnet-hdr",
  ]);
});

Deno.test("complete() offers files where an option or an operand is one", async () => {
  for (const option of ["run-dir", "qmp", "state", "log"]) {
    assertEquals(await words("list", `--${option}`, ""), "files", option);
    assertEquals(await words("list", `--${option}=/x`), "files", option);
    // With its value it is over.
    assertEquals(await words(`--${option}=/x`, "che"), ["check"], option);
  }
  for (const option of ["name", "timeout", "uuid"]) {
    assertEquals(await words("disk", "add", `--${option}`, ""), [], option);
  }
  assertEquals(await words("check", "./v"), "files");
  assertEquals(await words("list", "./v"), []);
});

Deno.test("complete() asks for events, and offers no operand too many", async () => {
  assertEquals(await words("events", "vm1", "--until", ""), ["EVENT_vm1"]);
  assertEquals(await words("events", "--until", ""), ["EVENT_"]);
  assertEquals(await words("check", "vm1", ""), []);
  assertEquals(await words("rpc", ""), []);
  assertEquals(await words("disk", "resize", "vm1", "0", ""), []);
  assertEquals(await words("state", ""), ["show", "upgrade", "command"]);
  assertEquals(await words("help", "list", ""), []);
});

Deno.test("complete() tells what each word is", async () => {
  const notes = async (...line: string[]) =>
    Object.fromEntries(
      (await complete(line, LOOKUPS) as { word: string; note: string }[])
        .map(({ word, note }) => [word, note]),
    );
  const { disk, list } = await notes("");
  assertEquals([disk, list], [
    "disk commands",
    "show the instances, or the devices of one",
  ]);
  const { "--vhost": on, "--no-vhost": off } = await notes("nic", "add", "--");
  assertEquals(off, `not: ${on}`);
});

Deno.test("complete() goes on in the words of a QMP command", async () => {
  assertEquals(await words("qmp", "vm1", "query-v"), ["query-vm1"]);
  const [at] = await words("qmp", "vm1", "getfd", "a=1", "");
  assertEquals(JSON.parse(at ?? ""), {
    instance: "vm1",
    command: "getfd",
    before: ["a=1"],
    word: "",
  });
  assertEquals(await words("help", "disk", "a"), ["add"]);
  assertEquals(await words("completion", "b"), ["bash"]);
});

const SCHEMA = new Schema([
  { name: "str", "meta-type": "builtin", "json-type": "string" },
  { name: "bool", "meta-type": "builtin", "json-type": "boolean" },
  { name: "kind", "meta-type": "enum", values: ["file", "null-co"] },
  { name: "name-only", "meta-type": "object", members: [] },
  {
    name: "file-part",
    "meta-type": "object",
    members: [{ name: "filename", type: "str" }, {
      name: "below",
      type: "either",
      default: null,
    }],
  },
  {
    name: "1",
    "meta-type": "object",
    tag: "driver",
    members: [{ name: "driver", type: "kind" }, {
      name: "up",
      type: "bool",
      default: null,
    }],
    variants: [
      { case: "file", type: "file-part" },
      { case: "null-co", type: "name-only" },
    ],
  },
  {
    name: "either",
    "meta-type": "alternate",
    members: [{ type: "str" }, { type: "1" }],
  },
  { name: "plug", "meta-type": "command", "arg-type": "1", "ret-type": "1" },
]);

function after(text: string, ...before: string[]): string[] {
  return completeArgument(SCHEMA, { command: "plug", before, word: text })
    .map((one) => one.word);
}

Deno.test("completeArgument() follows the schema into objects", () => {
  assertEquals(after(""), [
    "driver=",
    "up=",
    "filename=",
    "below=",
    "below.",
  ]);
  assertEquals(after("", "driver=null-co"), ["up="]);
  assertEquals(after("driver="), ["driver=file", "driver=null-co"]);
  assertEquals(after("up=t"), ["up=true", "up=false"]);
  assertEquals(after("below.d", "driver=file", "below.driver=null-co"), [
    "below.up=",
  ]);
  assertEquals(after("below.driver=", "driver=file"), [
    "below.driver=file",
    "below.driver=null-co",
  ]);
  assertEquals(after("nothing.x="), []);
});
