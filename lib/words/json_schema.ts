/**
 * JSON Schema (2020-12) of what documents hold, put together from small ones.
 * The types come from it: `Told<typeof X>` is the type of what X describes.
 * Objects are open: a later release may add members.
 *
 * A file of schemas is imported for its types alone, but by who prints them:
 * no other command has use for the data.
 *
 * @module
 */

import type { ExactNumber } from "../qmp/exact_json.ts";
import type { Json } from "../qmp/message.ts";
import type { JsonText } from "./json_text.ts";

/** A schema, whatever it is of. */
export interface AnySchema {
  /** As it is published. */
  readonly json: Json;
  /** What it and its parts refer to, by name. */
  readonly named: ReadonlyMap<string, Json>;
}

/** The schema of a `T`. */
export interface Schema<T> extends AnySchema {
  /** For the compiler; never there. Both ways, so that it is exactly `T`. */
  readonly type?: (value: T) => T;
}

/** The type of what a schema describes. */
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

/** The same, told otherwise. */
export function about<T>(description: string, schema: Schema<T>): Schema<T> {
  return { ...schema, json: { ...schema.json, description } };
}

/** A schema that others refer to by its name. */
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

/** A whole number; negative ones are none, unless `min` says. */
export function whole(
  description: string,
  { min = 0, max }: { readonly min?: number; readonly max?: number } = {},
): Schema<number> {
  const bounds = { minimum: min, ...(max !== undefined && { maximum: max }) };
  return made({ type: "integer", description, ...bounds });
}

/** Bytes: a number that may be larger than JavaScript's own. */
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

/** Always this. */
export function always<const V extends string | number | boolean | null>(
  value: V,
  description: string,
): Schema<V> {
  return made({ description, const: value });
}

/** Null, or what the schema describes. */
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

/** What one of several describes. */
export function either<S extends readonly AnySchema[]>(
  description: string,
  ...schemas: S
): Schema<Told<S[number]>> {
  const anyOf = schemas.map(({ json }) => json);
  return made({ description, anyOf }, ...schemas);
}

/** A list of what a schema describes. */
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

/** Values of one kind by keys that have any name. */
export function dictionary<T>(
  description: string,
  values: Schema<T>,
): Schema<Readonly<Record<string, T>>> {
  return made(
    { type: "object", description, additionalProperties: values.json },
    values,
  );
}

/** An object of somebody else, who decides what it holds. */
export function foreign(description: string): Schema<Json> {
  return made({ type: "object", description });
}

/** Any JSON of somebody else. */
export function anything(description: string): Schema<unknown> {
  return made({ description });
}

/** JSON of somebody else that is handed on to the letter. */
export function verbatim(
  description: string,
  type: "array" | "object",
): Schema<JsonText> {
  return made({ type, description });
}
