/**
 * Reading an answer of which nothing is known: what does not fit is left out.
 *
 * @module
 */

import { isJson, type Json } from "./message.ts";

/** A list of objects; what is none is left out. */
export function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** A text, else an empty one. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A whole number, else 0. */
export function whole(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

/** An object, else an empty one. */
export function object(value: unknown): Json {
  return isJson(value) ? value : {};
}
