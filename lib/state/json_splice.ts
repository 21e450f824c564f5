/**
 * Changes members and items of a container in its source text; all other parts
 * keep their bytes, with their white space.
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

/** A container's text, in parts. */
interface Pieces {
  /** Items, or members with their keys. */
  readonly elements: string[];
  /** The text before each element, and after the last one. */
  readonly gaps: string[];
}

/** The elements to remove, and the texts that replace them. */
export interface Splice {
  /** The first element; the number of elements: after the last one. */
  readonly at: number;
  /** The number of removed elements. @default 0 */
  readonly remove?: number;
  /** Items as JSON text, or members in the form of {@linkcode memberText}. */
  readonly insert?: readonly string[];
}

const SPACE = " \t\n\r";

function skip(text: string, at: number, chars: string): number {
  while (at < text.length && chars.includes(text.charAt(at))) at++;
  return at;
}

function piecesOf(node: JsonArray | JsonObject): Pieces {
  const text = formatJson(node);
  const pieces: Pieces = { elements: [], gaps: [] };
  let end = 0;
  const take = (key: string, value: JsonNode) => {
    const start = skip(text, Math.max(end, 1), SPACE + ",");
    const colon = key === "" ? "" : SPACE + ":";
    pieces.gaps.push(text.slice(end, start));
    end = skip(text, start + key.length, colon) + formatJson(value).length;
    pieces.elements.push(text.slice(start, end));
  };
  if (node.type === "array") node.items.forEach((item) => take("", item));
  else node.members.forEach(({ keyText, value }) => take(keyText, value));
  pieces.gaps.push(text.slice(end));
  return pieces;
}

function join<N extends JsonArray | JsonObject>({ elements, gaps }: Pieces): N {
  const parts = gaps.map((gap, i) => gap + (elements[i] ?? ""));
  // A container keeps its type whatever its elements are.
  return parseJson(parts.join("")) as N;
}

/** The text between the elements after a splice. */
function splicedGaps(
  { elements: { length }, gaps }: Pieces,
  { at, remove = 0, insert = [] }: Splice,
): string[] {
  // In the style of this container.
  const separator = length > 1 ? gaps[1] ?? "" : ", ";
  const between = insert.map(() => separator);
  if (length === 0 && insert.length > 0) {
    const [text = ""] = gaps;
    return [text.slice(0, 1), ...between.slice(1), text.slice(1)];
  }
  if (remove > 0 && insert.length > 0) {
    return gaps.toSpliced(at + 1, remove - 1, ...between.slice(1));
  }
  if (remove === length && length > 0) {
    return [gaps.at(0) + (gaps.at(-1) ?? "")];
  }
  // An element at the end is removed with the gap before it, else with the gap
  // after it.
  const first = at + remove === length ? at : at + 1;
  return gaps.toSpliced(first, remove, ...between);
}

/**
 * A container with some elements removed and others inserted.
 *
 * @throws {RangeError} if it has too few elements
 */
export function splice<N extends JsonArray | JsonObject>(
  node: N,
  change: Splice,
): N {
  const { at, remove = 0, insert = [] } = change;
  const pieces = piecesOf(node);
  if (at < 0 || at + remove > pieces.elements.length) {
    throw new RangeError(`no element ${at}`);
  }
  return join({
    elements: pieces.elements.toSpliced(at, remove, ...insert),
    gaps: splicedGaps(pieces, change),
  });
}

/** A member's text, in the style of its neighbours. */
export function memberText(
  node: JsonObject,
  key: string,
  value: string,
): string {
  const [first] = node.members;
  const [text] = piecesOf(node).elements;
  const colon = first === undefined ? ": " : text?.slice(
    first.keyText.length,
    -formatJson(first.value).length,
  );
  return `${JSON.stringify(key)}${colon}${value}`;
}

/** A list with one item replaced. */
export function withItem(
  array: JsonArray,
  at: number,
  item: JsonNode,
): JsonArray {
  return splice(array, { at, remove: 1, insert: [formatJson(item)] });
}

/**
 * A list with several items replaced; it is read once, for any number of
 * changes.
 */
export function withItems(
  array: JsonArray,
  items: readonly JsonNode[],
): JsonArray {
  const isSame = items.every((item, at) => item === array.items[at]);
  if (isSame) return array;
  const { gaps } = piecesOf(array);
  return join({ elements: items.map(formatJson), gaps });
}

/** An object with another value for an existing key; the last one counts. */
export function withMember(
  node: JsonObject,
  key: string,
  value: string,
): JsonObject {
  const at = node.members.findLastIndex((one) => one.key === key);
  const insert = [memberText(node, key, value)];
  return splice(node, { at, remove: 1, insert });
}
