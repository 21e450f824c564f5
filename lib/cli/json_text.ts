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

/** Puts the texts into a document that was written by JSON.stringify. */
export function embedTexts(json: string): string {
  if (mark === undefined || !json.includes(mark)) return json;
  const quoted = new RegExp(`"${mark}((?:[^"\\\\]|\\\\.)*)"`, "g");
  return json.replace(quoted, (_, text: string) => {
    const original: string = JSON.parse(`"${text}"`);
    // Line breaks stand between tokens only: in a string they are escaped.
    return original.replace(/[\t\n\r]+/g, " ");
  });
}
