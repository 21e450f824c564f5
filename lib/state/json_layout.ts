/**
 * The white space of arrays: one that is changed keeps that of the original,
 * so that taking a change back gives the same bytes whoever wrote the file.
 *
 * @module
 */

import type { JsonArray } from "./json.ts";

/** What stands around and between the items of an array. */
export interface ArrayLayout {
  /** After the bracket that opens it. */
  readonly open: string;
  /** Between two items, comma included. */
  readonly separator: string;
  /** Before the bracket that closes it. */
  readonly close: string;
}

/** As Python's `json.dumps` writes, and so Ganeti. */
export const PYTHON_LAYOUT: ArrayLayout = {
  open: "",
  separator: ", ",
  close: "",
};

/**
 * The layout of an array.
 *
 * @param fallback for what an array of few items does not show
 */
export function layoutOf(
  { text, items, layout }: JsonArray,
  fallback: ArrayLayout,
): ArrayLayout {
  const [first, second] = items;
  if (text === undefined || first?.text === undefined) {
    return layout ?? fallback;
  }
  const open = /^\[(\s*)/.exec(text)?.[1] ?? "";
  // Not matched: that would look from each of a million blanks for the end.
  const close = text.slice(text.slice(0, -1).trimEnd().length, -1);
  if (second === undefined) return { ...fallback, open, close };
  const separator = /\s*,\s*/y;
  separator.lastIndex = 1 + open.length + first.text.length;
  return { open, separator: separator.exec(text)?.[0] ?? ", ", close };
}
