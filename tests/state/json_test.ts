import { assertEquals } from "@std/assert";
import {
  formatJson,
  jsonArray,
  jsonNode,
  JsonSyntaxError,
  member,
  numberMember,
  parseJson,
  type Plain,
  stringMember,
} from "../../lib/state/json.ts";
import { assert, sample, sampleNames } from "../support/facts.ts";

function syntaxError(source: string): JsonSyntaxError {
  try {
    parseJson(source);
  } catch (error) {
    assert(error instanceof JsonSyntaxError, `${error}`);
    return error;
  }
  throw new Error(`was read: ${source}`);
}

for (const name of sampleNames()) {
  Deno.test(`parseJson() keeps ${name} to the byte`, () => {
    const text = sample(name);
    assertEquals(formatJson(parseJson(text)) + "\n", text);
  });
}

/** Writes a document anew, so that only keys and leaves keep their text. */
function rewritten(source: string): string {
  const node = parseJson(source);
  if (node.type === "array") {
    return formatJson(
      jsonArray(
        node.items.map((item) => parseJson(rewritten(formatJson(item)))),
      ),
    );
  }
  if (node.type !== "object") return formatJson(node);
  const members = node.members.map((one) => ({
    ...one,
    value: parseJson(rewritten(formatJson(one.value))),
  }));
  return formatJson({ type: "object", members });
}

Deno.test("formatJson() writes changed containers as Ganeti does", () => {
  for (const name of sampleNames()) {
    assertEquals(rewritten(sample(name)) + "\n", sample(name), name);
  }
});

Deno.test("formatJson() keeps what JavaScript would change", () => {
  const cases = [
    '{"b": 1, "2": 2, "a": 3, "1": 4}', // integer-like keys come first in V8
    '{"a": 1, "a": 2}',
    '{"__proto__": 1, "constructor": 2}',
    "[1700000000.0, 1e400, -0, 0.10, 12345678901234567890, 1E+2, -0.0]",
    '["\\u0041", "\\/", "\\ud83d\\ude00", "é"]',
    '["\\ud800", "\\udc00x"]', // lone surrogates
    '[ 1 ,\t2,{ "a" :null } ]',
    "[]",
    "{}",
    "[[], {}]",
  ];
  for (const text of cases) assertEquals(formatJson(parseJson(text)), text);
  for (const text of cases.filter((one) => !one.startsWith("[ "))) {
    assertEquals(rewritten(text), text);
  }
});

Deno.test("parseJson() keeps the value beside the text", () => {
  const node = parseJson('[1700000000.0, "\\u00e9", true, null]');
  assert(node.type === "array");
  assertEquals(
    node.items.map((one) => "value" in one ? one.value : one.type),
    [1700000000, "é", true, null],
  );
});

Deno.test("parseJson() names the place of what is no JSON", () => {
  const cases: [string, number, string][] = [
    ["", 0, "unexpected end at line 1, column 1"],
    ["[1,", 3, "unexpected end at line 1, column 4"],
    ["[1\n, x]", 5, "expected a JSON value at line 2, column 3"],
    ["[1 2]", 3, "expected ',' or ']' at line 1, column 4"],
    ["[1,]", 3, "expected a JSON value at line 1, column 4"],
    ['{"a" 1}', 5, "expected ':' at line 1, column 6"],
    ["{1: 2}", 1, "expected a key at line 1, column 2"],
    ['{"a": 1,}', 8, "expected a key at line 1, column 9"],
    ['{"a": 1 "b"}', 8, "expected ',' or '}' at line 1, column 9"],
    ["[]\n[]", 3, "unexpected text at line 2, column 1"],
    ['["a', 1, "unterminated string at line 1, column 2"],
    ['["a\\', 1, "unterminated string at line 1, column 2"],
    ['["\\x"]', 1, "malformed string at line 1, column 2"],
    ['["a\nb"]', 1, "malformed string at line 1, column 2"],
  ];
  for (const [source, offset, message] of cases) {
    const error = syntaxError(source);
    assertEquals([error.offset, error.message], [offset, message]);
  }
});

Deno.test("parseJson() refuses what RFC 8259 does", () => {
  const cases = [
    "01",
    "+1",
    ".5",
    "1.",
    "1e",
    "-",
    "NaN",
    "Infinity",
    "tru",
    "nulll",
    "'a'",
    "// c\n1",
    "\ufeff[]",
    "\u00a0[]",
    "[\v]",
  ];
  for (const source of cases) syntaxError(source);
});

function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

Deno.test("parseJson() reads 64 levels and refuses what would end the stack", () => {
  assertEquals(formatJson(parseJson(nested(64))), nested(64));
  const message = "nesting too deep at line 1, column 65";
  assertEquals(syntaxError(nested(100)).message, message);
  assertEquals(syntaxError("[".repeat(1_000_000)).message, message);
  assert(syntaxError('{"a":'.repeat(100_000)).message.startsWith("nesting"));
});

Deno.test("jsonNode() writes as Python's json.dumps", () => {
  const cases: [Plain, string][] = [
    [["loop", "/srv/d.img"], '["loop", "/srv/d.img"]'],
    [{ a: 1, b: [true, null] }, '{"a": 1, "b": [true, null]}'],
    ['é"\\\n\u007f\u2028', '"\\u00e9\\"\\\\\\n\\u007f\\u2028"'],
    ["😀", '"\\ud83d\\ude00"'],
    ["\ud800", '"\\ud800"'],
    [{ "ü": {} }, '{"\\u00fc": {}}'],
    [[], "[]"],
    [0.5, "0.5"],
  ];
  for (const [value, text] of cases) {
    // Python escapes U+007F no more than JSON demands; both mean the same.
    assertEquals(JSON.parse(formatJson(jsonNode(value))), value);
    if (!text.includes("007f")) assertEquals(formatJson(jsonNode(value)), text);
  }
});

Deno.test("member() takes the last of two, as Python does", () => {
  const node = parseJson('{"a": 1, "b": "x", "a": 2, "c": true}');
  assertEquals(numberMember(node, "a"), 2);
  assertEquals(stringMember(node, "b"), "x");
});

Deno.test("member() finds nothing where there is nothing of the kind", () => {
  const node = parseJson('{"a": "1", "n": null}');
  assertEquals(numberMember(node, "a"), undefined);
  assertEquals(stringMember(node, "n"), undefined);
  for (const key of ["toString", "__proto__", "constructor", "length"]) {
    assertEquals(member(node, key), undefined);
    assertEquals(member(parseJson("[1]"), key), undefined);
  }
});
