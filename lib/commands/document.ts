/**
 * Documents as they leave the program, whatever they are about: INTERFACE,
 * "JSON".
 *
 * @module
 */

import { maskSecrets } from "../words/secrets.ts";
import { jsonLine } from "../words/text.ts";

/** Changes when a member changes its meaning. */
const SCHEMA = 1;

/** What a command says to a program, before it is finished. */
export type Document = Readonly<Record<string, unknown>>;

/** A document with the members that every one has. */
export function finished(document: Document): Document {
  const { instance = null } = document;
  return { schema: SCHEMA, ...document, instance };
}

/**
 * A finished document as one line.
 *
 * @param isVerbatim with its secrets. @default they are hidden
 */
export function documentLine(document: Document, isVerbatim = false): string {
  const line = jsonLine(finished(document));
  return isVerbatim ? line : maskSecrets(line);
}
