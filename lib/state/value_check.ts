/**
 * Checks of values that were read back, put together from small ones.
 *
 * @module
 */

import { isJson } from "../qmp/message.ts";

/** Whether a value can be what it stands for. */
export type Check = (value: unknown) => boolean;

/** A text of this form. */
export function text(form: RegExp): Check {
  return (value) => typeof value === "string" && form.test(value);
}

/** A whole number in this range. */
export function whole(min: number, max: number): Check {
  return (value) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= min &&
    value <= max;
}

/** One of these. */
export function word(...words: readonly unknown[]): Check {
  return (value) => words.includes(value);
}

/** Null, or what fits. */
export function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

/** What this function takes without throwing. */
export function accepted(parse: (value: unknown) => unknown): Check {
  return (value) => {
    try {
      parse(value);
      return true;
    } catch {
      return false;
    }
  };
}

/** An object with these keys and, if they are there, the optional ones. */
export function object(
  fields: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  const known = new Map(Object.entries({ ...fields, ...optional }));
  return (value) =>
    isJson(value) &&
    Object.keys(fields).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, one]) => known.get(key)?.(one) ?? false);
}

/** An object with a `kind` of its own, which was looked at, and these keys. */
export function shape(
  fields: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  return object({ kind: anything, ...fields }, optional);
}

/** Values of one kind by keys of one form. */
export function dictionary(key: RegExp, check: Check): Check {
  return (value) =>
    isJson(value) &&
    Object.entries(value).every(([name, one]) => key.test(name) && check(one));
}

/** One line without control characters. */
export const LINE: RegExp = /^[ -\x7e\xa0-\uffff]{0,4096}$/;

/** QEMU's ids of devices, nodes, backends and fds: util/id.c, id_wellformed(). */
export const QEMU_ID: RegExp = /^[A-Za-z][A-Za-z0-9._-]{0,63}$/;

/** A text of the form {@linkcode QEMU_ID}. */
export const qemuId: Check = text(QEMU_ID);

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
export const uuid: Check = text(UUID);

/** A uuid in lower case, as our own record names devices. */
export const uuidKey: Check = text(new RegExp(`^${UUID_FORM}$`));

/** Whatever it is. */
export const anything: Check = (): boolean => true;

/** An absolute path. */
export const absolute: Check = (value): boolean =>
  text(LINE)(value) && String(value).startsWith("/");
