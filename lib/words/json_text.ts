/**
 * JSON text within a document that is made of JavaScript's values: they would
 * lose number literals and the order of keys.
 *
 * @module
 */

/** Nobody else can write it into a document; made when it is needed. */
let mark: string | undefined;

/** A value that is written as this text; it must be valid JSON. */
export class JsonText {
  /** What the document has in its place. */
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

/** Where a string's text ends: the quote that no backslash escapes. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start); at >= 0;) {
    let backslashes = 0;
    while (json[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at;
    at = json.indexOf('"', at + 1);
  }
  return json.length;
}

/** Puts the texts into a document that was written by JSON.stringify. */
export function embedTexts(json: string): string {
  if (mark === undefined) return json;
  const parts: string[] = [];
  let end = 0;
  // Searched, not matched: a regular expression has no stack for a megabyte.
  for (;;) {
    const at = json.indexOf(`"${mark}`, end);
    if (at < 0) return parts.join("") + json.slice(end);
    const close = endOfString(json, at + 1);
    const text = `"${json.slice(at + 1 + mark.length, close)}"`;
    const original: string = JSON.parse(text);
    // Line breaks stand between tokens only: in a string they are escaped.
    parts.push(json.slice(end, at), original.replace(/[\t\n\r]+/g, " "));
    end = close + 1;
  }
}
