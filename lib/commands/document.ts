/**
 * The final form of all documents: INTERFACE, "JSON".
 *
 * @module
 */

import type { Answer, Document } from "./answer.ts";
import { maskSecrets } from "../words/secrets.ts";
import { jsonLine } from "../words/text.ts";

/** Changes when a member changes its meaning. */
export const SCHEMA = 1;

/** A document with the members that every document has. */
export function finished(document: Document): Document {
  const { instance = null } = document;
  return { schema: SCHEMA, ...document, instance };
}

/** The document of an answer, with its warnings. */
export function answerDocument(
  { document, warnings = [] }: Pick<Answer, "document" | "warnings">,
): Document {
  return { ...document, warnings };
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
