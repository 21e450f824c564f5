import { assertEquals } from "@std/assert";
import {
  about,
  always,
  either,
  list,
  named,
  object,
  orNull,
  text,
  whole,
  word,
} from "../../lib/words/json_schema.ts";

Deno.test("whole() has the bounds that are said, and 0 as the least", () => {
  const base = { type: "integer", description: "d" };
  assertEquals(whole("d").json, { ...base, minimum: 0 });
  assertEquals(whole("d", { min: -1, max: 0 }).json, {
    ...base,
    minimum: -1,
    maximum: 0,
  });
});

Deno.test("orNull() takes null besides, whatever the schema says", () => {
  assertEquals(orNull(text("d", { pattern: "x" })).json, {
    type: ["string", "null"],
    description: "d",
    pattern: "x",
  });
  assertEquals(orNull(word(["a", "b"], "d")).json, {
    type: ["string", "null"],
    description: "d",
    enum: ["a", "b", null],
  });
  const never = orNull(always(1, "d")).json;
  assertEquals(never, {
    description: "d",
    anyOf: [{ const: 1 }, { type: "null" }],
  });
  const reference = orNull(named("n", text("d")));
  assertEquals(reference.json, {
    anyOf: [{ $ref: "#/$defs/n" }, { type: "null" }],
  });
  assertEquals([...reference.named], [
    ["n", { type: "string", description: "d" }],
  ]);
});

Deno.test("a schema has the names of all its parts", () => {
  const a = named("a", text("x"));
  const b = named("b", list("y", a));
  const whole = object("z", { b }, { c: either("w", a, text("v")) });
  assertEquals([...whole.named.keys()].toSorted(), ["a", "b"]);
  const { required, properties } = whole.json;
  assertEquals(required, ["b"]);
  assertEquals(Object.keys(properties as object), ["b", "c"]);
  assertEquals(about("other", text("x", { pattern: "y" })).json, {
    type: "string",
    description: "other",
    pattern: "y",
  });
});
