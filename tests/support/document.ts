/**
 * Documents that a test was given, held against what every document has:
 * INTERFACE, "JSON".
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Remark, remarkText } from "../../lib/errors.ts";

/** A document, as a test reads it. */
// deno-lint-ignore no-explicit-any -- a test reads it as it likes
export type Doc = Record<string, any>;

/** Remarks as a person reads them, one a line. */
export function saidIn(remarks: unknown): string {
  return (remarks as Remark[]).map(remarkText).join("\n");
}

/** Members that hold remarks. */
const REMARKS = ["warnings", "differences", "remaining", "settled"];

/** Of `remaining` it keeps its message by another name. */
function expectRemark({ what: _, ...one }: Doc): void {
  const { device } = one;
  const where = JSON.stringify(one);
  const keys = (object: Doc) => Object.keys(object).sort();
  assertEquals(keys(one), ["code", "device", "hint", "message"], where);
  assertEquals([typeof one.code, typeof one.message], ["string", "string"]);
  if (device === null) return;
  assertEquals(keys(device), ["id", "index", "kind", "uuid"], where);
}

/** Checks what every document has, and returns the rest. */
export function expectDocument({ schema, ...document }: Doc): Doc {
  const where = JSON.stringify(document);
  assertEquals(schema, 1, `schema of ${where}`);
  assert("instance" in document, `an instance in ${where}`);
  for (const key of REMARKS) document[key]?.forEach(expectRemark);
  for (const { attention } of document.instances ?? []) {
    attention.forEach(expectRemark);
  }
  for (const { differences } of document.devices ?? []) {
    differences?.forEach(expectRemark);
  }
  if (document.ok === true) {
    assert(Array.isArray(document.warnings), `warnings in ${where}`);
  }
  if (document.error) {
    const { qmp, candidates, ...rest } = document.error;
    assert(qmp !== undefined && candidates !== undefined, where);
    expectRemark(rest);
  }
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
    if (one.error === undefined) one.result = expectDocument(one.result);
    else one.error.data = expectDocument(one.error.data);
  }
  return response;
}
