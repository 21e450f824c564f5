/**
 * JSON text within a document of JavaScript values: as values, number literals
 * and the order of keys would be lost.
 *
 * @module
 */

/** No other text can contain it; made when it is needed. */
let mark: string | undefined;

/** A value that is written as this text; it must be valid JSON. */
export class JsonText {
  /** The text that the document contains. */
  readonly text: string;

  /** White space between tokens may become blanks. */
  constructor(text: string) {
    this.text = text;
  }

  /** Called by JSON.stringify; {@linkcode embedTexts} replaces the mark. */
  toJSON(): string {
    mark ??= crypto.randomUUID();
    return mark + this.text;
  }
}

/** The end of a string's text: the quote without a backslash before it. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start); at >= 0;) {
    let backslashes = 0;
    while (json[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at;
    at = json.indexOf('"', at + 1);
  }
  return json.length;
}

/** Inserts the texts into a document that JSON.stringify wrote. */
export function embedTexts(json: string): string {
  if (mark === undefined) return json;
  const parts: string[] = [];
  let end = 0;
  // A search, not a match: a regular expression has no stack for a megabyte.
  for (;;) {
    const at = json.indexOf(`"${mark}`, end);
    if (at < 0) return parts.join("") + json.slice(end);
    const close = endOfString(json, at + 1);
    const text = `"${json.slice(at + 1 + mark.length, close)}"`;
    const original: string = JSON.parse(text);
    // Line breaks occur only between tokens: in a string they are escaped.
    parts.push(json.slice(end, at), original.replace(/[\t\n\r]+/g, " "));
    end = close + 1;
  }
}
