/**
 * JSON with whole numbers that JavaScript's own cannot hold: QEMU's are of 64
 * bits, e.g. 18446744073709551615 for "no limit".
 *
 * @module
 */

/** A number that JavaScript's own cannot hold. */
export interface ExactNumber {
  /** To the letter. */
  readonly rawJSON: string;
}

/** A part of ECMAScript that the compiler's library does not know yet. */
const { rawJSON, isRawJSON } = JSON as unknown as {
  rawJSON(text: string): ExactNumber;
  isRawJSON(value: unknown): value is ExactNumber;
};

/** Whether a value is a number that JavaScript's own cannot hold. */
export function isExactNumber(value: unknown): value is ExactNumber {
  return isRawJSON(value);
}

/** A number to the letter; JSON.stringify() writes it as it was. */
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
  // Nearly always there is none, and the parser is faster without us.
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(
    text,
    (_key, value, context?: { source?: string }) =>
      typeof value === "number" && context?.source !== undefined
        ? exactNumber(context.source)
        : value,
  );
}
