/**
 * Changing members and items of a container in its source text, so that all
 * that is not concerned keeps its bytes, white space included.
 *
 * @module
 */

import {
  formatJson,
  type JsonArray,
  type JsonNode,
  type JsonObject,
  parseJson,
} from "./json.ts";

/** Where one item, or one member with its key, stands in the text. */
interface Span {
  readonly start: number;
  /** Equal to `start` in an array. */
  readonly valueStart: number;
  readonly end: number;
}

/** Which elements go, and the texts that come in their place. */
export interface Splice {
  /** The first one; as many as there are: behind the last. */
  readonly at: number;
  /** How many go. @default 0 */
  readonly remove?: number;
  /** Items as JSON text, or members as {@linkcode memberText} makes them. */
  readonly insert?: readonly string[];
}

const SPACE = " \t\n\r";

function skip(text: string, at: number, chars: string): number {
  while (at < text.length && chars.includes(text.charAt(at))) at++;
  return at;
}

function spansOf(node: JsonArray | JsonObject, text: string): Span[] {
  let at = 1;
  const next = (key: string, value: JsonNode): Span => {
    const start = skip(text, at, SPACE + ",");
    const valueStart = key === ""
      ? start
      : skip(text, start + key.length, SPACE + ":");
    at = valueStart + formatJson(value).length;
    return { start, valueStart, end: at };
  };
  return node.type === "array"
    ? node.items.map((item) => next("", item))
    : node.members.map(({ keyText, value }) => next(keyText, value));
}

/** What stands between two elements, as this container is written. */
function separatorOf(spans: readonly Span[], text: string): string {
  const [first, second] = spans;
  return first === undefined || second === undefined
    ? ", "
    : text.slice(first.end, second.start);
}

/** The text between `from` and `to` gives way to `text`. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function removal(spans: readonly Span[], at: number, remove: number): Edit {
  const [first, last, before, behind] = [
    spans[at],
    spans[at + remove - 1],
    spans[at - 1],
    spans[at + remove],
  ];
  const start = first?.start ?? 1;
  if (behind !== undefined) return { from: start, to: behind.start, text: "" };
  return { from: before?.end ?? start, to: last?.end ?? start, text: "" };
}

function insertion(
  spans: readonly Span[],
  at: number,
  { words, separator }: { words: string; separator: string },
): Edit {
  const [before, behind] = [spans[at - 1], spans[at]];
  if (behind !== undefined) {
    const { start } = behind;
    return { from: start, to: start, text: words + separator };
  }
  const end = before?.end ?? 1;
  const text = before === undefined ? words : separator + words;
  return { from: end, to: end, text };
}

function editOf(
  spans: readonly Span[],
  { at, remove = 0, insert = [] }: Splice,
  separator: string,
): Edit {
  if (insert.length === 0) return removal(spans, at, remove);
  const text = insert.join(separator);
  const [first, last] = [spans[at], spans[at + remove - 1]];
  if (remove === 0 || first === undefined || last === undefined) {
    return insertion(spans, at, { words: text, separator });
  }
  return { from: first.start, to: last.end, text };
}

/**
 * A container with some elements taken out and others put in.
 *
 * @throws {RangeError} if it has not as many elements
 */
export function splice<N extends JsonArray | JsonObject>(
  node: N,
  change: Splice,
): N {
  const whole = formatJson(node);
  const spans = spansOf(node, whole);
  if (change.at < 0 || change.at + (change.remove ?? 0) > spans.length) {
    throw new RangeError(`no element ${change.at}`);
  }
  const { from, to, text } = editOf(spans, change, separatorOf(spans, whole));
  // A container stays one of its type whatever its elements are.
  return parseJson(whole.slice(0, from) + text + whole.slice(to)) as N;
}

/** A member's text, written as its neighbours are. */
export function memberText(
  node: JsonObject,
  key: string,
  value: string,
): string {
  const text = formatJson(node);
  const [first] = spansOf(node, text);
  const keyLength = node.members[0]?.keyText.length ?? 0;
  const colon = first === undefined
    ? ": "
    : text.slice(first.start + keyLength, first.valueStart);
  return `${JSON.stringify(key)}${colon}${value}`;
}

/** A list with one item in the place of another. */
export function withItem(
  array: JsonArray,
  at: number,
  item: JsonNode,
): JsonArray {
  return splice(array, { at, remove: 1, insert: [formatJson(item)] });
}

/** A list with other items in their places; read once, however many change. */
export function withItems(
  array: JsonArray,
  items: readonly JsonNode[],
): JsonArray {
  const whole = formatJson(array);
  const parts: string[] = [];
  let end = 0;
  for (
    const [at, { valueStart, end: behind }] of spansOf(array, whole).entries()
  ) {
    const item = items[at];
    if (item === undefined || item === array.items[at]) continue;
    parts.push(whole.slice(end, valueStart), formatJson(item));
    end = behind;
  }
  if (end === 0) return array;
  return parseJson(parts.join("") + whole.slice(end)) as JsonArray;
}

/** An object with another value for a key it has; the last one counts. */
export function withMember(
  node: JsonObject,
  key: string,
  value: string,
): JsonObject {
  const at = node.members.findLastIndex((one) => one.key === key);
  const insert = [memberText(node, key, value)];
  return splice(node, { at, remove: 1, insert });
}
