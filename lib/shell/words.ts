/**
 * Words of a line typed into the shell: quotes as in sh, and JSON as it is.
 *
 * @module
 */

import { usage } from "../errors.ts";

/** One character at a time; knows where a word begins and ends. */
class Reader {
  readonly words: string[] = [];
  #word: string | undefined;
  #quote = "";

  add(char: string) {
    this.#word = (this.#word ?? "") + char;
  }

  end() {
    if (this.#word !== undefined) this.words.push(this.#word);
    this.#word = undefined;
  }

  get isBetween(): boolean {
    return this.#word === undefined && this.#quote === "";
  }

  get quote(): string {
    return this.#quote;
  }

  set quote(quote: string) {
    this.#quote = quote;
    this.#word ??= "";
  }
}

/**
 * Splits a line. What begins with `{` after the first word is one word to the
 * end of the line: JSON needs no quoting here.
 *
 * @throws {HotplugError} `usage` if a quote is not closed
 */
export function splitWords(line: string): string[] {
  const reader = new Reader();
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    if (reader.isBetween && char === "{" && reader.words.length > 0) {
      reader.words.push(line.slice(i).trim());
      return reader.words;
    }
    if (reader.quote !== "") {
      if (char === reader.quote) reader.quote = "";
      else if (char === "\\" && reader.quote === '"') {
        reader.add(line[++i] ?? "");
      } else reader.add(char);
    } else if (char === "'" || char === '"') reader.quote = char;
    else if (char === "\\") reader.add(line[++i] ?? "");
    else if (/\s/.test(char)) reader.end();
    else reader.add(char);
  }
  if (reader.quote !== "") {
    throw usage(`The quote ${reader.quote} is not closed`);
  }
  reader.end();
  return reader.words;
}
