import { assertEquals, assertThrows } from "@std/assert";
import { formatJson, parseJson } from "../../lib/state/json.ts";
import type { JsonArray } from "../../lib/state/json.ts";
import { type Splice, splice, withItems } from "../../lib/state/json_splice.ts";

function spliced(text: string, change: Splice): string {
  return formatJson(splice(parseJson(text) as JsonArray, change));
}

Deno.test("splice() puts in and takes out as the list is written", () => {
  const cases: [string, Splice, string][] = [
    ["[]", { at: 0, insert: ["1"] }, "[1]"],
    ["[ ]", { at: 0, insert: ["1", "2", "3"] }, "[1, 2, 3 ]"],
    ["[ ]", { at: 0 }, "[ ]"],
    ["[1]", { at: 1, insert: ["2"] }, "[1, 2]"],
    ["[1]", { at: 0, insert: ["2", "3"] }, "[2, 3, 1]"],
    ["[1,2]", { at: 1, insert: ["3"] }, "[1,3,2]"],
    ["[1,2]", { at: 2, insert: ["3", "4"] }, "[1,2,3,4]"],
    ["[1 ,2]", { at: 0, insert: ["3"] }, "[3 ,1 ,2]"],
    ["[ 1,2 ]", { at: 0, remove: 1 }, "[ 2 ]"],
    ["[ 1,2 ]", { at: 1, remove: 1 }, "[ 1 ]"],
    ["[ 1,2 ]", { at: 0, remove: 2 }, "[  ]"],
    ["[1,2,3]", { at: 0, remove: 2, insert: ["4"] }, "[4,3]"],
    ["[1,2,3]", { at: 1, remove: 1, insert: ["4", "5"] }, "[1,4,5,3]"],
  ];
  for (const [text, change, after] of cases) {
    assertEquals(spliced(text, change), after, text);
  }
});

Deno.test("splice() refuses elements that are not there", () => {
  for (const change of [{ at: -1 }, { at: 2 }, { at: 1, remove: 1 }]) {
    assertThrows(() => spliced("[1]", change), RangeError);
  }
});

Deno.test("withItems() gives a list back that it does not change", () => {
  const list = parseJson("[ 1,2 ]") as JsonArray;
  assertEquals(withItems(list, [...list.items]) === list, true);
  const [first, second] = list.items;
  const turned = withItems(list, [second!, first!]);
  assertEquals(formatJson(turned), "[ 2,1 ]");
});
