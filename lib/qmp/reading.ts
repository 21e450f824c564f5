/**
 * Reads an answer of unknown form: values that do not fit are left out.
 *
 * @module
 */

import { type ExactNumber, exactNumber, isExactNumber } from "./exact_json.ts";
import { isJson, type Json } from "./message.ts";

/** A list of objects; other items are left out. */
export function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/**
 * A text, else an empty one. Not String(), which throws for an object, and a
 * number beyond 2^53 is an object: {@linkcode isExactNumber}.
 */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A whole number, else 0. */
export function whole(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

/** A number, else NaN. Not Number(), which throws as String() does. */
export function numberOf(value: unknown): number {
  return typeof value === "number" ? value : NaN;
}

/** A size in bytes; a bigint if a number of JavaScript cannot hold it. */
export type Size = number | bigint;

/** A size to the byte, undefined for any other value. */
export function size(value: unknown): Size | undefined {
  if (isExactNumber(value)) {
    const exact = BigInt(value.rawJSON);
    return exact > 0n ? exact : undefined;
  }
  const fits = typeof value === "number" && Number.isSafeInteger(value) &&
    value >= 0;
  return fits ? value : undefined;
}

/** A size in the form that JSON.stringify() writes to the byte. */
export function sizeJson(value: Size): number | ExactNumber {
  return exactNumber(String(value));
}

/** An object, else an empty one. */
export function object(value: unknown): Json {
  return isJson(value) ? value : {};
}
