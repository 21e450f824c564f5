/**
 * Checks of values that were read back, put together from small ones.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";

/** Tells whether a value that was read back is a `T`. */
export type Check<T = unknown> = (value: unknown) => value is T;

/** What a check takes, or the check that a function makes for a context. */
export type Of<C> = C extends Check<infer T> ? T
  : C extends (...context: never[]) => Check<infer T> ? T
  : never;

/** Checks of an object's members. */
export type Fields = Readonly<Record<string, Check>>;

type Flat<T> = { [K in keyof T]: T[K] };

/** An object with these members and, perhaps, the optional ones. */
export type Shape<F extends Fields, O extends Fields> = Flat<
  & { readonly [K in keyof F]: Of<F[K]> }
  & { readonly [K in keyof O]?: Of<O[K]> }
>;

/** A text of this form. */
export function text(form: RegExp): Check<string> {
  return (value): value is string =>
    typeof value === "string" && form.test(value);
}

/** A whole number in this range. */
export function whole(min: number, max: number): Check<number> {
  return (value): value is number =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max;
}

/** One of these. */
export function word<const W extends string | number | boolean>(
  ...words: readonly W[]
): Check<W> {
  return (value): value is W => words.some((one) => one === value);
}

/** Null, or what fits. */
export function orNull<T>(check: Check<T>): Check<T | null> {
  return (value): value is T | null => value === null || check(value);
}

/** What one of two takes. */
export function either<T, U>(one: Check<T>, other: Check<U>): Check<T | U> {
  return (value): value is T | U => one(value) || other(value);
}

/** What fits and for which something more holds. */
export function where<T>(
  check: Check<T>,
  holds: (value: T) => boolean,
): Check<T> {
  return (value): value is T => check(value) && holds(value);
}

/** What this function takes without throwing. */
export function accepted<T>(parse: (value: unknown) => T): Check<T> {
  return (value): value is T => {
    try {
      parse(value);
      return true;
    } catch {
      return false;
    }
  };
}

/** A list of what fits. */
export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value): value is readonly T[] =>
    Array.isArray(value) && value.every((one) => check(one));
}

/** An object with these keys and, if they are there, the optional ones. */
export function object<F extends Fields, O extends Fields = Empty>(
  fields: F,
  optional?: O,
): Check<Shape<F, O>> {
  const known = new Map(Object.entries<Check>({ ...fields, ...optional }));
  return (value): value is Shape<F, O> =>
    isJson(value) &&
    Object.keys(fields).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, one]) => known.get(key)?.(one) ?? false);
}

/** No optional members. */
export type Empty = Readonly<Record<never, Check>>;

/** Values of one kind by keys of one form. */
export function dictionary<T>(
  key: RegExp,
  check: Check<T>,
): Check<Readonly<Record<string, T>>> {
  return (value): value is Readonly<Record<string, T>> =>
    isJson(value) &&
    Object.entries(value).every(([name, one]) => key.test(name) && check(one));
}

/** An object with a `kind` of its own, which was looked at, and these keys. */
export function shape(fields: Fields, optional: Fields = {}): Check {
  return object({ kind: anything, ...fields }, optional);
}

/** One line without control characters. */
export const LINE: RegExp = /^[ -\x7e\xa0-\uffff]{0,4096}$/;

/** QEMU's ids of devices, nodes, backends and fds: util/id.c, id_wellformed(). */
export const QEMU_ID: RegExp = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** A text of the form {@linkcode QEMU_ID}. */
export const qemuId = text(QEMU_ID);

const UUID_FORM = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const UUID = new RegExp(`^${UUID_FORM}$`, "i");

/** Whether a word is a uuid in full, in any case: files have both. */
export function isUuid(word: string): boolean {
  return UUID.test(word);
}

/** The first uuid within a text, as it stands there. */
export function uuidWithin(text: string): string | undefined {
  return new RegExp(UUID_FORM, "i").exec(text)?.[0];
}

/** A uuid in any case. */
export const uuid = text(UUID);

/** A uuid in lower case, as our own record names devices. */
export const uuidKey = text(new RegExp(`^${UUID_FORM}$`));

/** Whatever it is. */
export const anything: Check = (_value): _value is unknown => true;

/** Any JSON object. */
export const json: Check<Json> = isJson;

/** An absolute path. */
export const absolute = where(text(LINE), (path) => path.startsWith("/"));
