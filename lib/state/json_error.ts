/**
 * The error of a text that is not JSON.
 *
 * @module
 */

/** Where and why a text is not JSON; line and column count from 1. */
export class JsonSyntaxError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "JsonSyntaxError";
  /** From 0, in UTF-16 units. */
  readonly offset: number;

  /** `why` begins the message; the place is added. */
  constructor(source: string, offset: number, why: string) {
    const before = source.slice(0, offset);
    const line = before.split("\n").length;
    const column = offset - before.lastIndexOf("\n");
    super(`${why} at line ${line}, column ${column}`);
    this.offset = offset;
  }
}
