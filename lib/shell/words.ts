/**
 * Words of a line in the shell: quotes as in sh, and unquoted JSON.
 *
 * @module
 */

import { usage } from "../errors.ts";

/**
 * Splits a line. A text that begins with `{` after the first word is one word
 * up to the end of the line: JSON needs no quoting here.
 *
 * @throws {HotplugError} `usage` if a quote is not closed
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  const add = (char = "") => word = (word ?? "") + char;
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    const isBetween = word === undefined && quote === "";
    if (isBetween && char === "{" && words.length > 0) {
      return [...words, line.slice(i).trim()];
    }
    if (quote !== "") {
      if (char === quote) quote = "";
      else add(char === "\\" && quote === '"' ? line[++i] : char);
    } else if (char === "'" || char === '"') {
      quote = char;
      add();
    } else if (char === "\\") add(line[++i]);
    else if (!/\s/.test(char)) add(char);
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (quote !== "") throw usage(`The quote ${quote} is not closed`);
  return word === undefined ? words : [...words, word];
}
