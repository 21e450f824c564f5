/**
 * Checks whether a command's arguments fit QEMU's schema, before they are sent.
 *
 * @module
 */

import { isExactNumber } from "./exact_json.ts";
import { isJson, type Json } from "./message.ts";
import { text } from "./reading.ts";
import type { Schema, SchemaMember } from "./schema.ts";

/** A word that does not fit the schema, and the words that would fit. */
export class SchemaError extends Error {
  /** The word that is wrong. */
  readonly word: string;
  /** The words that fit; empty if there is no list of words. */
  readonly known: readonly string[];

  /** `message` is one line. */
  constructor(message: string, word: string, known: readonly string[] = []) {
    super(message);
    this.word = word;
    this.known = known;
  }
}

/** The error for a name that an object of these members does not have. */
export function unknownMember(
  name: string,
  key: string,
  members: readonly SchemaMember[],
): SchemaError {
  return new SchemaError(
    `Unknown argument ${key}${
      members.length === 0 ? ": the command has no arguments" : ""
    }`,
    name,
    members.map((one) => one.name),
  );
}

function checkObject(schema: Schema, type: string, value: Json, at: string) {
  const members = schema.membersOf(type, value);
  for (const name of Object.keys(value)) {
    const member = members.find((one) => one.name === name);
    const key = at === "" ? name : `${at}.${name}`;
    if (member === undefined) throw unknownMember(name, key, members);
    checkArguments(schema, member.type, value[name], key);
  }
  const missing = members.find((one) => !one.optional && !(one.name in value));
  const tag = schema.type(type);
  const open = tag?.kind === "object" && tag.tag !== undefined &&
    !(tag.tag in value);
  if (missing === undefined || (open && missing.name !== tag.tag)) return;
  const key = at === "" ? missing.name : `${at}.${missing.name}`;
  throw new SchemaError(`Argument ${key} is missing`, missing.name);
}

/** Checks names, and words out of a list of words. @throws {SchemaError} */
export function checkArguments(
  schema: Schema,
  type: string,
  value: unknown,
  at = "",
): void {
  const found = schema.type(type);
  switch (found?.kind) {
    case "object":
      if (isJson(value)) return checkObject(schema, type, value, at);
      throw new SchemaError(`${at} must be an object`, at);
    case "array":
      if (!Array.isArray(value)) {
        throw new SchemaError(`${at} must be a list`, at);
      }
      return value.forEach((one, i) =>
        checkArguments(schema, found.element, one, `${at}.${i}`)
      );
    case "enum":
      if (found.values.some((one) => one === value)) return;
      throw new SchemaError(
        `${at} cannot be ${JSON.stringify(value)}`,
        text(value),
        found.values,
      );
    case "alternate": {
      const fits = found.types.find((one) => isKind(schema, one, value));
      return fits === undefined
        ? undefined
        : checkArguments(schema, fits, value, at);
    }
  }
}

function isBuiltin(json: string, value: unknown): boolean {
  switch (json) {
    case "null":
      return value === null;
    case "int":
    case "number":
      return typeof value === "number" || isExactNumber(value);
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
  }
  return true;
}

/** Whether a value is of a type's JSON kind: this distinguishes alternates. */
function isKind(schema: Schema, type: string, value: unknown): boolean {
  const found = schema.type(type);
  switch (found?.kind) {
    case "object":
      return isJson(value);
    case "array":
      return Array.isArray(value);
    case "enum":
      return typeof value === "string";
    case "builtin":
      return isBuiltin(found.json, value);
  }
  return false;
}
