/**
 * Checks of values that were read back, composed of small checks.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";

/** Tells whether a value that was read back is a `T`. */
export interface Check<T = unknown> {
  (value: unknown): value is T;
  /** The accepted values, for messages. */
  readonly wants?: string;
  /** The parts of a value, with their checks. */
  parts?(value: unknown): Part[];
}

/** A part of a value, and its check. */
export type Part = readonly [name: string, check: Check, value: unknown];

/**
 * The type that a check accepts; or, for a function that makes a check, the
 * type of that check.
 */
export type Of<C> = C extends Check<infer T> ? T
  : C extends (...context: never[]) => Check<infer T> ? T
  : never;

/** Checks of an object's members. */
export type Fields = Readonly<Record<string, Check>>;

/** No optional members. */
export type Empty = Readonly<Record<never, Check>>;

type Flat<T> = { [K in keyof T]: T[K] };

/** An object with these members and, perhaps, the optional ones. */
export type Shape<F extends Fields, O extends Fields> = Flat<
  & { readonly [K in keyof F]: Of<F[K]> }
  & { readonly [K in keyof O]?: Of<O[K]> }
>;

function made<T>(
  fits: (value: unknown) => boolean,
  wants: string | undefined,
  parts?: Check["parts"],
): Check<T> {
  const check = (value: unknown): value is T => fits(value);
  return Object.assign(check, {
    ...(wants && { wants }),
    ...(parts && { parts }),
  });
}

function fitsAll(parts: readonly Part[]): boolean {
  return parts.every(([, check, value]) => check(value));
}

/**
 * The fault of a value, by its smallest wrong part; undefined if the check
 * accepts it.
 *
 * @param what its name; empty: only its parts have names
 */
export function faultOf(
  check: Check,
  value: unknown,
  what: string,
): string | undefined {
  if (check(value)) return undefined;
  for (const [name, part, inner] of check.parts?.(value) ?? []) {
    const path = what === "" ? name : `${what}.${name}`;
    const fault = faultOf(part, inner, path);
    if (fault !== undefined) return fault;
  }
  const text = JSON.stringify(value) ?? "nothing";
  return `${what || "it"} must be ${check.wants ?? "otherwise"}: it is ${
    text.slice(0, 80)
  }`;
}

/** Any value. */
export const anything: Check = made(() => true, "anything");

/** A text of this form. */
export function text(form: RegExp): Check<string> {
  return made(
    (value) => typeof value === "string" && form.test(value),
    `a text that matches ${form.source}`,
  );
}

/** A whole number in this range. */
export function whole(min: number, max: number): Check<number> {
  return made(
    (value) =>
      typeof value === "number" && Number.isSafeInteger(value) &&
      value >= min && value <= max,
    `a whole number from ${min} to ${max}`,
  );
}

/** One of these. */
export function word<const W extends string | number | boolean>(
  ...words: readonly W[]
): Check<W> {
  const wants = words.length > 1 ? `one of ${words.join(", ")}` : `${words[0]}`;
  return made((value) => words.some((one) => one === value), wants);
}

/** Null, or a value that the check accepts. */
export function orNull<T>(check: Check<T>): Check<T | null> {
  return made(
    (value) => value === null || check(value),
    check.wants,
    check.parts,
  );
}

/** A value that one of several checks accepts. */
export function either<C extends readonly Check[]>(
  ...checks: C
): Check<Of<C[number]>> {
  const wrong = (parts: readonly Part[]) =>
    parts.filter(([, check, value]) => !check(value)).length;
  return made(
    (value) => checks.some((one) => one(value)),
    checks.map(({ wants }) => wants).join(" or "),
    // The check that fits best.
    (value) =>
      checks.map((one) => one.parts?.(value) ?? [])
        .sort((one, other) => wrong(one) - wrong(other))[0] ?? [],
  );
}

/** A value that a check accepts and that fulfils a further condition. */
export function where<T>(
  check: Check<T>,
  holds: (value: T) => boolean,
  wants = check.wants,
): Check<T> {
  return made((value) => check(value) && holds(value), wants, check.parts);
}

/** Whether a function takes a value without throwing. */
export function accepted<A>(
  parse: (value: A) => unknown,
): (value: A) => boolean {
  return (value) => {
    try {
      parse(value);
      return true;
    } catch {
      return false;
    }
  };
}

/** A list of accepted values. */
export function list<T>(check: Check<T>): Check<readonly T[]> {
  const parts = (value: unknown) =>
    Array.isArray(value)
      ? value.map((one, i): Part => [String(i), check, one])
      : [];
  return made(
    (value) => Array.isArray(value) && fitsAll(parts(value)),
    "a list",
    parts,
  );
}

function objectWith<T>(fields: Fields, optional: Fields, others: Check) {
  const known = { ...fields, ...optional };
  const parts = (value: unknown): Part[] => {
    if (!isJson(value)) return [];
    const here = Object.entries(known).flatMap(([key, check]): Part[] => {
      if (Object.hasOwn(value, key)) return [[key, check, value[key]]];
      if (!Object.hasOwn(fields, key)) return [];
      return [[key, made(() => false, check.wants), undefined]];
    });
    const more = Object.entries(value)
      .filter(([key]) => !Object.hasOwn(known, key))
      .map(([key, one]): Part => [key, others, one]);
    return [...here, ...more];
  };
  return made<T>(
    (value) => isJson(value) && fitsAll(parts(value)),
    "an object",
    parts,
  );
}

/** An object with these keys and, if they are there, the optional ones. */
export function object<F extends Fields, O extends Fields = Empty>(
  fields: F,
  optional?: O,
): Check<Shape<F, O>> {
  const none = made(() => false, "left out");
  return objectWith(fields, { ...optional }, none);
}

/**
 * As {@linkcode object}, with any other keys, for example of a later release.
 */
export function openObject<F extends Fields, O extends Fields = Empty>(
  fields: F,
  optional?: O,
): Check<Shape<F, O>> {
  return objectWith(fields, { ...optional }, anything);
}

/** Values of one kind by keys of one form. */
export function dictionary<T>(
  key: RegExp,
  check: Check<T>,
): Check<Readonly<Record<string, T>>> {
  const name = text(key);
  const parts = (value: unknown) =>
    isJson(value)
      ? Object.entries(value).flatMap(([one, inner]): Part[] => [
        [one, name, one],
        [one, check, inner],
      ])
      : [];
  return made(
    (value) => isJson(value) && fitsAll(parts(value)),
    "an object",
    parts,
  );
}

/** One line without control characters. */
export const LINE: RegExp = /^[ -\x7e\xa0-\uffff]{0,4096}$/;

/**
 * QEMU's ids of devices, nodes, backends and fds: util/id.c, id_wellformed().
 */
export const QEMU_ID: RegExp = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** A text of the form {@linkcode QEMU_ID}. */
export const qemuId = text(QEMU_ID);

const UUID_FORM = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const UUID = new RegExp(`^${UUID_FORM}$`, "i");

/** Whether a word is a whole uuid, in upper or lower case: files have both. */
export function isUuid(word: string): boolean {
  return UUID.test(word);
}

/** The first uuid within a text, in the case of the text. */
export function uuidWithin(text: string): string | undefined {
  return new RegExp(UUID_FORM, "i").exec(text)?.[0];
}

/** A uuid in any case. */
export const uuid = text(UUID);

/** A uuid in lower case, the form in our own record. */
export const UUID_KEY = new RegExp(`^${UUID_FORM}$`);

/** A text of the form {@linkcode UUID_KEY}. */
export const uuidKey = text(UUID_KEY);

/** Any JSON object. */
export const json: Check<Json> = made(isJson, "an object");

/** An absolute path. */
export const absolute = where(
  text(LINE),
  (path) => path.startsWith("/"),
  "an absolute path",
);

/** The longest path of the kernel. */
const PATH = /^\/[ -\uffff]{0,4094}$/;

/** An absolute path without `.` and `..`. */
export const plainPath = where(
  text(PATH),
  (path) =>
    !path.slice(1).split("/").some((one) => ["", ".", ".."].includes(one)) ||
    path === "/",
  "an absolute path",
);
