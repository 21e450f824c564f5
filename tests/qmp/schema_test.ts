import { assertEquals, assertThrows } from "@std/assert";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import { size, sizeJson } from "../../lib/qmp/reading.ts";
import { Schema } from "../../lib/qmp/schema.ts";
import { argumentsFrom } from "../../lib/qmp/schema_arguments.ts";
import { completeArgument } from "../../lib/qmp/schema_complete.ts";
import { commandHelp, typeText } from "../../lib/qmp/schema_help.ts";
import { checkArguments, SchemaError } from "../../lib/qmp/schema_check.ts";

const SCHEMA = new Schema([
  { name: "str", "meta-type": "builtin", "json-type": "string" },
  { name: "int", "meta-type": "builtin", "json-type": "int" },
  { name: "bool", "meta-type": "builtin", "json-type": "boolean" },
  { name: "any", "meta-type": "builtin", "json-type": "value" },
  { name: "[int]", "meta-type": "array", "element-type": "int" },
  { name: "kind", "meta-type": "enum", values: ["file", "net"] },
  {
    name: "file-part",
    "meta-type": "object",
    members: [{ name: "path", type: "str" }],
  },
  {
    name: "net-part",
    "meta-type": "object",
    members: [{ name: "path", type: "[int]" }, { name: "up", type: "bool" }],
  },
  {
    name: "1",
    "meta-type": "object",
    tag: "driver",
    members: [
      { name: "driver", type: "kind" },
      { name: "size", type: "int", default: null },
      { name: "next", type: "2", default: null },
      { name: "more", type: "any", default: null },
    ],
    variants: [
      { case: "file", type: "file-part" },
      { case: "net", type: "net-part" },
    ],
  },
  {
    name: "2",
    "meta-type": "alternate",
    members: [{ type: "str" }, { type: "1" }],
  },
  { name: "plug", "meta-type": "command", "arg-type": "1", "ret-type": "str" },
  { name: "PLUGGED", "meta-type": "event", "arg-type": "1" },
  {
    name: "wide",
    "meta-type": "enum",
    members: Array.from("abcdefghijklmn", (name) => ({ name })),
  },
  {
    name: "twelve",
    "meta-type": "enum",
    members: Array.from("abcdefghijkl", (name) => ({ name })),
  },
  {
    name: "limits",
    "meta-type": "object",
    members: [{ name: "a", type: "1" }],
  },
  {
    name: "3",
    "meta-type": "object",
    members: [{ name: "limits", type: "limits" }, { name: "up", type: "bool" }],
  },
  { name: "limit", "meta-type": "command", "arg-type": "3", "ret-type": "3" },
  "not an entry",
]);

function made(...words: string[]) {
  const pairs = words.map((word) => {
    const at = word.indexOf("=");
    return { key: word.slice(0, at), text: word.slice(at + 1) };
  });
  const args = argumentsFrom(SCHEMA, "1", pairs);
  checkArguments(SCHEMA, "1", args);
  return args;
}

function refused(...words: string[]): SchemaError {
  return assertThrows(() => made(...words), SchemaError);
}

Deno.test("Schema lists commands, events and their types", () => {
  assertEquals(SCHEMA.commands, ["limit", "plug"]);
  assertEquals(SCHEMA.events, ["PLUGGED"]);
  assertEquals(SCHEMA.argumentsOf("plug"), "1");
  assertEquals(SCHEMA.returnOf("plug"), "str");
  assertEquals(SCHEMA.argumentsOf("PLUGGED"), undefined);
  assertEquals(new Schema("nonsense").commands, []);
});

Deno.test("argumentsFrom() gives each word the type of its place", () => {
  assertEquals(made("driver=file", "path=7", "size=0x10"), {
    driver: "file",
    path: "7",
    size: 16,
  });
  assertEquals(made("up=off", "path.1=5", "path.0=4", "driver=net"), {
    up: false,
    path: [4, 5],
    driver: "net",
  });
  assertEquals(
    made(
      "driver=file",
      "path=a",
      "next.driver=net",
      "next.path=[]",
      "next.up=on",
    )
      .next,
    { driver: "net", path: [], up: true },
  );
  assertEquals(made("driver=file", "path=a", "next=name").next, "name");
  assertEquals(made("driver=file", "path=a", 'more={"a":[1]}').more, {
    a: [1],
  });
});

Deno.test("argumentsFrom() keeps numbers of 64 bits to the letter", () => {
  const args = made("driver=file", "path=a", "size=18446744073709551615");
  assertEquals(
    JSON.stringify(args),
    '{"driver":"file","path":"a","size":18446744073709551615}',
  );
  const text = '{"a":[-9223372036854775808,1.5,12]}';
  assertEquals(JSON.stringify(parseExact(text)), text);
});

Deno.test("what does not fit the schema is refused with what would", () => {
  assertEquals(refused("driver=fil", "path=a").known, ["file", "net"]);
  const unknown = refused("driver=file", "pat=a");
  assertEquals(unknown.word, "pat");
  assertEquals(unknown.known, ["driver", "size", "next", "more", "path"]);
  assertEquals(refused("driver=file").message, "Argument path is missing");
  assertEquals(refused("path=a").message, "Argument driver is missing");
  assertEquals(
    refused("driver=file", "path=a", "size=big").message,
    "size must be a whole number: it is big",
  );
  assertEquals(
    refused("driver=file", "path=a", "path=b").message,
    "path is given twice",
  );
  assertEquals(
    refused("driver=file", "path=a", "__proto__.x=b").message,
    "Not a name of an argument: __proto__.x",
  );
  const both = refused("driver=file", "path=a", "next=x", "next.driver=file");
  assertEquals(both.message, "next is given as a value and as an object");
});

Deno.test("Schema.extended() adds members to one command's arguments", () => {
  const wider = SCHEMA.extended("plug", [
    { name: "drive", type: "str", optional: true },
    { name: "size", type: "str", optional: true },
  ]);
  const args = argumentsFrom(wider, "1", [
    { key: "driver", text: "file" },
    { key: "path", text: "p" },
    { key: "drive", text: "1" },
    { key: "size", text: "1" },
  ]);
  assertEquals(args, { driver: "file", path: "p", drive: "1", size: 1 });
  const least = { driver: "file", path: "p" };
  checkArguments(wider, "1", least);
  const needy = SCHEMA.extended("plug", [
    { name: "drive", type: "str", optional: false },
  ]);
  assertThrows(
    () => checkArguments(needy, "1", least),
    SchemaError,
    "Argument drive is missing",
  );
  assertThrows(
    () => checkArguments(SCHEMA, "1", args),
    SchemaError,
    "Unknown argument drive",
  );
});

Deno.test("size() is to the byte, whatever number JSON has", () => {
  for (const text of ["0", "9007199254740991", "9223372035781033984"]) {
    const read = size(parseExact(text));
    assertEquals(String(read), text);
    assertEquals(JSON.stringify(sizeJson(read ?? 0)), text);
  }
  for (const text of ["-1", "-9223372036854775808", "1.5", '"1"', "null"]) {
    assertEquals(size(parseExact(text)), undefined, text);
  }
});

/** Candidates, those that are needed with a `!`. */
function candidates(command: string, ...words: string[]): string[] {
  const word = words.pop() ?? "";
  return completeArgument(SCHEMA, { command, before: words, word })
    .map(({ word, note }) => note === "" ? word : `${word}!`);
}

Deno.test("completeArgument() offers what may stand there", () => {
  const own = ["driver=!", "size=", "next=", "next.", "more="];
  const variants = ["path=!", "up=!"];
  for (
    const [words, expected] of [
      [["plug", ""], [...own, ...variants]],
      [["plug", "driver=file", ""], [...own.slice(1), "path=!"]],
      [["plug", "driver=file", "size=1", ""], [
        "next=",
        "next.",
        "more=",
        "path=!",
      ]],
      [["plug", "driver="], ["driver=file", "driver=net"]],
      [["plug", "driver=net", "up="], ["up=true", "up=false"]],
      [["plug", "size="], []],
      [["plug", "none="], []],
      [["plug", "next.driver=net", "next.u"], [
        ...["next.size=", "next.next=", "next.next.", "next.more="],
        ...["next.path=!", "next.up=!"],
      ]],
      [["plug", "next.driver=net", "next.up="], [
        "next.up=true",
        "next.up=false",
      ]],
      // What a plain object is cannot be said in a word.
      [["limit", ""], ["limits.!", "up=!"]],
      [["limit", "limits."], ["limits.a.!"]],
      [["limit", "up."], []],
      [["limit", "none."], []],
      [["none", ""], []],
    ] as const
  ) {
    const [command, ...before] = words;
    assertEquals(
      candidates(command, ...before),
      [...expected],
      words.join(" "),
    );
  }
});

Deno.test("typeText() says a type in a few words", () => {
  for (
    const [type, text] of [
      ["int", "int"],
      ["any", "anything"],
      ["kind", "file | net"],
      ["[int]", "list of int"],
      ["2", "string or object"],
      ["limits", "object"],
      ["none", "anything"],
      ["twelve", "a | b | c | d | e | f | g | h | i | j | k | l"],
      ["wide", "a | b | c | d | e | f | g | h | i | j | k | l | … (2 more)"],
    ] as const
  ) {
    assertEquals(typeText(SCHEMA, type), text);
  }
});

Deno.test("commandHelp() tells what a command takes, once its tag is known", () => {
  const own = [
    ["driver", "needed", "file | net"],
    ["size", "", "int"],
    ["next", "", "string or object"],
    ["more", "", "anything"],
  ];
  const open = commandHelp(SCHEMA, "plug", {});
  assertEquals(open, { rows: own, tag: "driver", returns: "string" } as never);
  const chosen = commandHelp(SCHEMA, "plug", { driver: "file" });
  assertEquals(chosen?.rows, [...own, ["path", "needed", "string"]] as never);
  assertEquals(chosen?.tag, undefined);
  const plain = commandHelp(SCHEMA, "limit", {});
  assertEquals(plain?.rows.map(([name]) => name), ["limits", "up"]);
  assertEquals([plain?.tag, plain?.returns], [undefined, "object"]);
  assertEquals(commandHelp(SCHEMA, "PLUGGED", {}), undefined);
});
