/**
 * Documents that a test was given, held against what every document has:
 * INTERFACE, "JSON".
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";

/** A document, as a test reads it. */
// deno-lint-ignore no-explicit-any -- a test reads it as it likes
export type Doc = Record<string, any>;

/** Checks a document and returns it. */
export function expectDocument(document: Doc): Doc {
  const where = JSON.stringify(document);
  assertEquals(document.schema, 1, `schema of ${where}`);
  assert("instance" in document, `an instance in ${where}`);
  return document;
}

/** A line that is one document. */
export function documentOf(line: string): Doc {
  return expectDocument(JSON.parse(line));
}

/** A line that answers a request of JSON-RPC; its document is checked. */
export function responseOf(line: string): Doc {
  const response = JSON.parse(line);
  for (const one of Array.isArray(response) ? response : [response]) {
    expectDocument(one.error === undefined ? one.result : one.error.data);
  }
  return response;
}
