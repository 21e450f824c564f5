/**
 * JSON with whole numbers that a number of JavaScript cannot hold: QEMU's
 * numbers have 64 bits, e.g. 18446744073709551615 for "no limit".
 *
 * @module
 */

/** A number that a number of JavaScript cannot hold. */
export interface ExactNumber {
  /** To the letter. */
  readonly rawJSON: string;
}

/** A part of ECMAScript that is missing in the compiler's library. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): value is ExactNumber;
};

/** Whether a value is a number that a number of JavaScript cannot hold. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return isRawJSON(value);
}

/** A number to the letter; JSON.stringify() writes it unchanged. */
export function exactNumber(text: string): number | ExactNumber {
  const value = Number(text);
  const fits = Number.isSafeInteger(value) || !/^-?\d+$/.test(text);
  return fits ? value : rawJSON(text);
}

/**
 * Parses JSON; a whole number out of JavaScript's range becomes an object that
 * JSON.stringify() writes to the letter.
 *
 * @throws {SyntaxError}
 */
export function parseExact(text: string): unknown {
  // Most texts have none, and the built-in parser is faster.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    (_key, value, context?: { source?: string }) =>
      typeof value === "number" && context?.source !== undefined
        ? exactNumber(context.source)
        : value,
  );
}
