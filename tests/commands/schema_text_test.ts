/**
 * What documents hold, without the words about it: a member, a word or a bound
 * that was lost. Where that was changed on purpose, run this with TEXTS=write,
 * and look at the difference in tests/testdata/text/schema.txt.
 */
import { assertEquals } from "@std/assert";
import { jsonSchema } from "../../lib/commands/json_schema.ts";
import type { Doc } from "../support/document.ts";

const FILE = new URL("../testdata/text/schema.txt", import.meta.url);

/** A schema in short; what is in an object stands below it. */
function shapeOf(schema: Doc, indent: string): string {
  const { $ref, anyOf, enum: words, type, items, ...more } = schema;
  if ($ref !== undefined) return `${$ref}`.replace(/^.*\//, "");
  if (anyOf !== undefined) {
    return (anyOf as Doc[]).map((one) => shapeOf(one, indent)).join(" | ");
  }
  if (words !== undefined) return words.map(String).join("|");
  if ("const" in more) return JSON.stringify(more.const);
  const name = [type ?? "anything"].flat().join("|");
  if (items !== undefined) return `${name} of ${shapeOf(items, indent)}`;
  const { properties, additionalProperties: any, required = [] } = more;
  const members = Object.entries({ ...properties, ...(any && { "*": any }) })
    .map(([key, one]) => {
      const mark = required.includes(key) || key === "*" ? "" : "?";
      return `\n${indent}  ${key}${mark}: ${
        shapeOf(one as Doc, `${indent}  `)
      }`;
    });
  const { minimum = "", maximum = "", pattern = "", format = "" } = more;
  const bounds = `${minimum}${maximum}` && `${minimum}..${maximum}`;
  return [name, bounds, pattern, format].filter(Boolean).join(" ") +
    members.join("");
}

Deno.test("jsonSchema() has these members, words and bounds", async () => {
  const { $defs } = await jsonSchema();
  const text = Object.entries($defs as Doc)
    .map(([name, one]) => `${name}: ${shapeOf(one, "")}\n`).join("");
  if (Deno.env.get("TEXTS") === "write") Deno.writeTextFileSync(FILE, text);
  assertEquals(text, Deno.readTextFileSync(FILE));
});
