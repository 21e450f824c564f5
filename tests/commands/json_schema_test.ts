import { Ajv2020 } from "ajv/2020";
import formats from "ajv-formats";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { jsonSchema } from "../../lib/commands/json_schema.ts";
import { dotted } from "../../lib/words/options.ts";
import { type Doc, expectDocument } from "../support/document.ts";

const schema = await jsonSchema();

Deno.test("jsonSchema() is JSON Schema 2020-12, in ajv's strict mode", () => {
  const ajv = new Ajv2020({ strict: true, strictTypes: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);
  assertEquals(validate({ ok: true }), false);
  for (const name of Object.keys(schema.$defs)) {
    assertEquals(
      typeof ajv.getSchema(`${schema.$id}#/$defs/${name}`),
      "function",
    );
  }
});

Deno.test("jsonSchema() has a schema for each command", () => {
  const defs = Object.keys(schema.$defs);
  const missing = COMMANDS.map(dotted).filter((one) => !defs.includes(one));
  assertEquals(missing, []);
});

/** Each schema that describes a value, and where it stands. */
function described(value: unknown, at: string): [string, Doc][] {
  if (value === null || typeof value !== "object") return [];
  const all = Object.entries(value);
  const own = Object.entries((value as Doc).properties ?? {})
    .map(([name, one]): [string, Doc] => [`${at}.${name}`, one as Doc]);
  return [
    ...own,
    ...all.flatMap(([key, one]) => described(one, `${at}/${key}`)),
  ];
}

Deno.test("jsonSchema() tells of each member in a sentence", () => {
  const members = described(schema.$defs, "");
  assertEquals(members.length > 100, true);
  for (const [where, { description, $ref, anyOf }] of members) {
    const refers = $ref !== undefined || anyOf?.[0]?.$ref !== undefined;
    if (!refers) assertMatch(description ?? "", /^[A-Z-].*\.$/s, where);
  }
});

const LIST = {
  schema: 1,
  ok: true,
  instance: null,
  instances: [],
  compared: "presence",
  warnings: [],
};

Deno.test("the schema is open, and the copy that tests use is closed", () => {
  const ajv = new Ajv2020();
  formats.default(ajv);
  const validate = ajv.compile(schema);
  assertEquals(validate({ ...LIST, later: 1 }), true);
  expectDocument(LIST, ["list"]);
  assertThrows(() => expectDocument({ ...LIST, later: 1 }, ["list"]));
  const { warnings: _, ...less } = LIST;
  assertThrows(() => expectDocument(less, ["list"]));
  assertThrows(() => expectDocument(LIST, ["check"]));
});

Deno.test("a line of shell and an answer of rpc may be any other document", () => {
  const all = Object.keys(schema.$defs)
    .filter((name) => /^(?!shell|response).*_document$/.test(name))
    .map((name) => `#/$defs/${name}`);
  assertEquals(all.length > 10, true);
  const { shell_document, response_document } = schema.$defs as Doc;
  const refs = (some: Doc[]) => some.flatMap(({ $ref }) => $ref ?? []);
  assertEquals(refs(shell_document.anyOf), all);
  const [done, failed] = response_document.anyOf as Doc[];
  assertEquals(refs(done?.properties.result.anyOf), all);
  const { code, data } = failed?.properties.error.properties;
  assertEquals([code.minimum, code.maximum], [-32768, -32000]);
  assertEquals(data, { $ref: "#/$defs/failure_document" });
});
