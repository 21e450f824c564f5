/**
 * Documents that a test was given, held against what every document has:
 * INTERFACE, "JSON".
 *
 * @module
 */

import { Ajv2020, type ValidateFunction } from "ajv/2020";
import formats from "ajv-formats";
import { assertEquals, assertExists, fail } from "@std/assert";
import { commandAt } from "../../lib/commands/commands.ts";
import { jsonSchema } from "../../lib/commands/json_schema.ts";
import { type Remark, remarkText } from "../../lib/errors.ts";
import { dotted } from "../../lib/words/options.ts";

/** A document, as a test reads it. */
// deno-lint-ignore no-explicit-any -- a test reads it as it likes
export type Doc = Record<string, any>;

/** Remarks as a person reads them, one a line. */
export function saidIn(remarks: unknown): string {
  return (remarks as Remark[]).map(remarkText).join("\n");
}

/** The same schema, which takes no member that it does not name. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== "object") return schema;
  const copy = Object.fromEntries(
    Object.entries(schema).map(([key, one]) => [key, closed(one)]),
  );
  const isObject = copy.type === "object" && copy.properties !== undefined;
  return isObject ? { additionalProperties: false, ...copy } : copy;
}

const ID = "closed";
// That it is a schema, a test of its own says: here it would only take time.
const AJV = new Ajv2020({ validateSchema: false, verbose: true });
formats.default(AJV);
AJV.addSchema({ ...closed(await jsonSchema()) as Doc, $id: ID });

/** What a document is, compiled when it is needed first. */
function validator(name: string): ValidateFunction {
  const found = AJV.getSchema(`${ID}#/$defs/${name}`);
  assertExists(found, `no schema of ${name}`);
  return found as ValidateFunction;
}

/** The name in the schema of what words of a command line, or a method, answer. */
function answerOf(words: readonly string[]): string {
  if (words.includes("--version") || words.includes("-V")) {
    return "version_document";
  }
  if (words.includes("--help") || words.includes("-h")) return "help";
  const plain = words.flatMap((one) => one.split("."));
  const [command] = plain.flatMap((_, i) => commandAt(plain.slice(i)) ?? []);
  if (command !== undefined) return dotted(command);
  return words[0] === "hotplug_supported" ? "check" : "disk.add";
}

/**
 * Checks a document against its schema, and returns it without `schema`.
 *
 * @param words the command line, or the method, that it answers. @default it
 * may be any document
 */
export function expectDocument(document: Doc, words?: readonly string[]): Doc {
  const name = document.ok === false && !("instances" in document) &&
      !("metrics" in document)
    ? "failure_document"
    : words === undefined
    ? "shell"
    : answerOf(words);
  const validate = validator(name);
  if (!validate(document)) {
    const faults = validate.errors?.map((
      { instancePath, message, params, data },
    ) =>
      `${instancePath} ${message} ${JSON.stringify(params)}: ${
        JSON.stringify(data)?.slice(0, 300)
      }`
    );
    const text = JSON.stringify(document);
    fail(`not a ${name}: ${faults?.join("; ")} in ${text}`);
  }
  const { schema, ...rest } = document;
  assertEquals(schema, 1);
  return rest;
}

/** A line that is one document. */
export function documentOf(line: string, words?: readonly string[]): Doc {
  return expectDocument(JSON.parse(line), words);
}

/**
 * A line that answers a request of JSON-RPC; its document is checked.
 *
 * @param method of the request. @default it may be any
 */
export function responseOf(line: string, method?: string): Doc {
  const response = JSON.parse(line);
  const words = method === undefined ? undefined : [method];
  for (const one of Array.isArray(response) ? response : [response]) {
    if (one.error !== undefined) {
      one.error.data = expectDocument(one.error.data);
    } else if (method !== "rpc.discover") {
      one.result = expectDocument(one.result, words);
    }
  }
  return response;
}
