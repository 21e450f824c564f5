/**
 * JSON Schema (2020-12) of documents, composed of small schemas. The types come
 * from it: `Told<typeof X>` is the type that X describes. Objects are open: a
 * later release may add members.
 *
 * Import nothing but the types of a file of schemas, except to print the
 * schemas: no other command needs the data.
 *
 * @module
 */

import type { ExactNumber } from "../qmp/exact_json.ts";
import type { Json } from "../qmp/message.ts";
import type { JsonText } from "./json_text.ts";

/** A schema of any type. */
export interface AnySchema {
  /** The published form. */
  readonly json: Json;
  /** The named schemas to which it and its parts refer. */
  readonly named: ReadonlyMap<string, Json>;
}

/** The schema of a `T`. */
export interface Schema<T> extends AnySchema {
  /**
   * For the compiler; it never exists. In both directions, so that the type is
   * exactly `T`.
   */
  readonly type?: (value: T) => T;
}

/** The type that a schema describes. */
export type Told<S> = S extends { readonly type?: (value: infer T) => unknown }
  ? T
  : never;

/** Schemas of an object's members. */
export type Members = Readonly<Record<string, AnySchema>>;

/** No optional members. */
export type None = Readonly<Record<never, AnySchema>>;

type Flat<T> = { readonly [K in keyof T]: T[K] };

/** An object with these members and, perhaps, the optional ones. */
export type ObjectOf<M extends Members, O extends Members> = Flat<
  & { readonly [K in keyof M]: Told<M[K]> }
  & { readonly [K in keyof O]?: Told<O[K]> }
>;

function made<T>(json: Json, ...parts: readonly AnySchema[]): Schema<T> {
  return { json, named: new Map(parts.flatMap(({ named }) => [...named])) };
}

/** The same schema with another description. */
export function about<T>(description: string, schema: Schema<T>): Schema<T> {
  return { ...schema, json: { ...schema.json, description } };
}

/** A schema with a name, to which other schemas refer. */
export function named<T>(name: string, { json, named }: Schema<T>): Schema<T> {
  const reference = { $ref: `#/$defs/${name}` };
  return { json: reference, named: new Map([...named, [name, json]]) };
}

/** A text. */
export function text(description: string, more: Json = {}): Schema<string> {
  return made({ type: "string", description, ...more });
}

/** A point in time, ISO 8601, UTC. */
export function time(description: string): Schema<string> {
  return text(description, { format: "date-time" });
}

/** True or false. */
export function truth(description: string): Schema<boolean> {
  return made({ type: "boolean", description });
}

/** A whole number; not negative, unless `min` allows it. */
export function whole(
  description: string,
  { min = 0, max }: { readonly min?: number; readonly max?: number } = {},
): Schema<number> {
  const bounds = { minimum: min, ...(max !== undefined && { maximum: max }) };
  return made({ type: "integer", description, ...bounds });
}

/** Bytes: a number that may be too large for a number of JavaScript. */
export function bytes(description: string): Schema<number | ExactNumber> {
  return made({ type: "number", description, minimum: 0 });
}

/** A length of time in seconds, with fractions. */
export function seconds(description: string): Schema<number> {
  return made({ type: "number", description, minimum: 0 });
}

/** One of a few words. */
export function word<const W extends string>(
  words: readonly W[],
  description: string,
): Schema<W> {
  return made({ type: "string", description, enum: words });
}

/** Exactly this value. */
export function always<const V extends string | number | boolean | null>(
  value: V,
  description: string,
): Schema<V> {
  return made({ description, const: value });
}

/** Null, or a value of the schema. */
export function orNull<T>(schema: Schema<T>): Schema<T | null> {
  const { json } = schema;
  const { description, type, enum: words, ...rest } = json;
  const told = description === undefined ? {} : { description };
  if (typeof type !== "string") {
    const either = [{ ...rest, ...(words ? { enum: words } : {}) }, NULL];
    return made({ ...told, anyOf: either }, schema);
  }
  const all = Array.isArray(words) ? { enum: [...words, null] } : {};
  return made({ type: [type, "null"], ...told, ...rest, ...all }, schema);
}

const NULL: Json = { type: "null" };

/** A value of one of several schemas. */
export function either<S extends readonly AnySchema[]>(
  description: string,
  ...schemas: S
): Schema<Told<S[number]>> {
  const anyOf = schemas.map(({ json }) => json);
  return made({ description, anyOf }, ...schemas);
}

/** A list of values of a schema. */
export function list<T>(
  description: string,
  items: Schema<T>,
): Schema<readonly T[]> {
  return made({ type: "array", description, items: items.json }, items);
}

/** An object with these members and, perhaps, the optional ones. */
export function object<M extends Members, O extends Members = None>(
  description: string,
  members: M,
  optional?: O,
): Schema<NoInfer<ObjectOf<M, O>>> {
  const all: Members = { ...members, ...optional };
  return made({
    type: "object",
    description,
    required: Object.keys(members),
    properties: Object.fromEntries(
      Object.entries(all).map(([name, { json }]) => [name, json]),
    ),
  }, ...Object.values(all));
}

/** Values of one kind by any keys. */
export function dictionary<T>(
  description: string,
  values: Schema<T>,
): Schema<Readonly<Record<string, T>>> {
  return made(
    { type: "object", description, additionalProperties: values.json },
    values,
  );
}

/** An object of another program, which decides its members. */
export function foreign(description: string): Schema<Json> {
  return made({ type: "object", description });
}

/** Any JSON of another program. */
export function anything(description: string): Schema<unknown> {
  return made({ description });
}

/** JSON of another program that is passed on to the letter. */
export function verbatim(
  description: string,
  type: "array" | "object",
): Schema<JsonText> {
  return made({ type, description });
}
