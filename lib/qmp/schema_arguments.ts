/**
 * Makes a command's arguments from words: the meaning of a word depends on the
 * type that QEMU's schema gives its place.
 *
 * @module
 */

import { exactNumber, isExactNumber, parseExact } from "./exact_json.ts";
import { isJson, type Json } from "./message.ts";
import type { Schema } from "./schema.ts";
import { SchemaError, unknownMember } from "./schema_check.ts";

function anyValue(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

const BOOLEANS = new Map(Object.entries({
  true: true,
  on: true,
  yes: true,
  false: false,
  off: false,
  no: false,
}));

function builtin(json: string, text: string, key: string): unknown {
  switch (json) {
    case "string":
      return text;
    case "int":
      if (/^-?\d{1,20}$/.test(text)) return exactNumber(text);
      if (/^0x[0-9a-f]{1,13}$/i.test(text)) return Number(text);
      throw new SchemaError(
        `${key} must be a whole number: it is ${text}`,
        text,
      );
    case "number":
      if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return exactNumber(text);
      throw new SchemaError(`${key} must be a number: it is ${text}`, text);
    case "boolean": {
      const value = BOOLEANS.get(text);
      if (value !== undefined) return value;
      throw new SchemaError(
        `${key} must be true or false: it is ${text}`,
        text,
      );
    }
  }
  return anyValue(text);
}

function structured(text: string, key: string, what: string): unknown {
  try {
    const value = parseExact(text);
    if (Array.isArray(value) === (what === "list")) return value;
  } catch {
    // The error is thrown below.
  }
  throw new SchemaError(
    `${key} must be a JSON ${what}: it is ${text}`,
    text,
  );
}

/** The value of a word at a place of this type. */
export function valueOf(
  schema: Schema,
  type: string,
  { text, key }: { text: string; key: string },
): unknown {
  const found = schema.type(type);
  switch (found?.kind) {
    case "builtin":
      return builtin(found.json, text, key);
    case "enum":
      return text;
    case "array":
      return structured(text, key, "list");
    case "object":
      return structured(text, key, "object");
  }
  return anyValue(text);
}

/** One `KEY=VALUE`; the key is a path with dots. */
export interface KeyValue {
  /** e.g. `file.driver` */
  readonly key: string;
  /** To the letter. */
  readonly text: string;
}

/**
 * The object at a path, as far as the words tell it: its tag may be among them.
 */
export function siblings(
  words: readonly KeyValue[],
  path: readonly string[],
): Json {
  const around = path.map((one) => `${one}.`).join("");
  const direct = words.filter(({ key }) =>
    key.startsWith(around) && !key.slice(around.length).includes(".")
  );
  return Object.fromEntries(
    direct.map(({ key, text }) => [key.slice(around.length), text]),
  );
}

/** The type of one member of a type. */
function step(
  schema: Schema,
  type: string,
  { name, key, value }: { name: string; key: string; value: Json },
): string {
  const found = schema.type(type);
  if (found?.kind === "array" && /^\d{1,4}$/.test(name)) return found.element;
  const types = found?.kind === "alternate" ? found.types : [type];
  const members = types.flatMap((one) => schema.membersOf(one, value));
  const member = members.find((one) => one.name === name);
  if (member !== undefined) return member.type;
  throw unknownMember(name, key, members);
}

/** Names that would reach beyond an object's own members. */
const FORBIDDEN = ["__proto__", "constructor", "prototype"];

function put(root: Json, path: readonly string[], value: unknown) {
  let at = root;
  for (const name of path.slice(0, -1)) {
    const next = (Object.hasOwn(at, name) ? at[name] : undefined) ?? {};
    if (!isJson(next)) {
      throw new SchemaError(
        `${name} is given as a value and as an object`,
        name,
      );
    }
    at[name] = next;
    at = next;
  }
  const last = path.at(-1) ?? "";
  if (Object.hasOwn(at, last)) {
    throw new SchemaError(`${path.join(".")} is given twice`, last);
  }
  at[last] = value;
}

/** Turns objects that stand for lists, with numbers as names, into lists. */
function withLists(schema: Schema, type: string, value: unknown): unknown {
  if (!isJson(value) || isExactNumber(value)) return value;
  const found = schema.type(type);
  if (found?.kind === "array") {
    const keys = Object.keys(value).sort((a, b) => Number(a) - Number(b));
    return keys.map((key) => withLists(schema, found.element, value[key]));
  }
  const members = schema.membersOf(type, value);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const member = members.find((one) => one.name === name);
      const of = member === undefined ? "" : member.type;
      return [name, withLists(schema, of, inner)];
    }),
  );
}

/** Arguments of a command from `KEY=VALUE` words. @throws {SchemaError} */
export function argumentsFrom(
  schema: Schema,
  type: string,
  words: readonly KeyValue[],
): Json {
  const root: Json = {};
  for (const { key, text } of words) {
    const path = key.split(".");
    const bad = path.find((name) => name === "" || FORBIDDEN.includes(name));
    if (bad !== undefined) {
      throw new SchemaError(`Not a name of an argument: ${key}`, bad);
    }
    let of = type;
    path.forEach((name, i) => {
      const value = siblings(words, path.slice(0, i));
      of = step(schema, of, { name, key, value });
    });
    put(root, path, valueOf(schema, of, { text, key }));
  }
  return withLists(schema, type, root) as Json;
}
