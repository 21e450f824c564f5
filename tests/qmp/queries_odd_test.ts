/**
 * What reads QEMU's answers, given answers in which any member is of any type:
 * no reader throws. A number beyond 2^53 is an object that neither String() nor
 * Number() takes.
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as graph from "../../lib/qmp/block_graph.ts";
import * as block from "../../lib/qmp/block_queries.ts";
import * as commands from "../../lib/qmp/commands.ts";
import * as device from "../../lib/qmp/device_queries.ts";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import * as pci from "../../lib/qmp/pci_query.ts";
import { Schema } from "../../lib/qmp/schema.ts";
import { checkArguments, SchemaError } from "../../lib/qmp/schema_check.ts";

interface Reader {
  readonly execute: string;
  readonly read: (value: unknown) => unknown;
}

function isReader(value: unknown): value is Reader {
  return typeof value === "object" && value !== null && "read" in value &&
    typeof value.read === "function" && "execute" in value;
}

/** The queries of a module, and those that a function of it makes. */
function readersOf(module: Readonly<Record<string, unknown>>): Reader[] {
  return Object.values(module).flat().filter(isReader);
}

const READERS = [
  ...[graph, block, commands, device, pci].flatMap(readersOf),
  device.propertyOf("disk0", "mac"),
  device.membersOf("/machine"),
  device.linkOf("/machine", "child[0]"),
  device.targetOf("/machine"),
  device.propertyNamesOf("scsi-hd"),
];

/** Every word of the sources of lib/qmp: the names of members are among them. */
const MEMBERS = [
  ...new Set(
    [...Deno.readDirSync("lib/qmp")].flatMap(({ name }) =>
      Deno.readTextFileSync(`lib/qmp/${name}`).match(/[a-z][a-z_-]*/g) ?? []
    ),
  ),
];

/** An object that has every member, and a list of one of them. */
function around(inner: unknown): unknown[] {
  const object = Object.fromEntries(MEMBERS.map((name) => [name, inner]));
  return [object, [object]];
}

const LEAVES: readonly unknown[] = [
  parseExact("9007199254740993"),
  parseExact("-9223372036854775808"),
  JSON.parse('{"toString":1,"valueOf":1}'),
  JSON.parse('{"__proto__":{"length":3}}'),
  [parseExact("9007199254740993")],
  null,
  true,
];

Deno.test("the readers of QEMU's answers throw at no value", () => {
  assertEquals(READERS.length > 20, true, `${READERS.length} readers`);
  const wrong: string[] = [];
  for (const leaf of LEAVES) {
    const flat = around(leaf);
    const deep = flat.flatMap(around);
    const deeper = deep.flatMap(around);
    for (const value of [leaf, ...flat, ...deep, ...deeper]) {
      for (const { execute, read } of READERS) {
        try {
          read(value);
        } catch (error) {
          wrong.push(`${execute}: ${error}`);
        }
      }
    }
  }
  assertEquals([...new Set(wrong)], []);
});

Deno.test("checkArguments() names a number beyond 2^53 where a word is due", () => {
  const schema = new Schema([
    { name: "1", "meta-type": "object", members: [{ name: "how", type: "2" }] },
    { name: "2", "meta-type": "enum", values: ["off", "on"] },
  ]);
  const args = parseExact('{"how":9007199254740993}');
  assertThrows(
    () => checkArguments(schema, "1", args),
    SchemaError,
    "how cannot be 9007199254740993",
  );
});
