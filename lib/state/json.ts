/**
 * JSON that can be changed in one place and stays the same to the letter in all
 * others. Grammar: RFC 8259, read strictly.
 *
 * Ganeti's files contain numbers such as `1700000000.0`, escapes, key orders
 * and keys of a later Ganeti. `JSON.parse` loses number literals and moves
 * integer-like keys to the front. Therefore a document is a tree, and its nodes
 * remember their source text; untouched parts are written from this text.
 *
 * @module
 */

/** An object's member; `keyText` is the key as written, with its quotes. */
export interface JsonMember {
  /** Unescaped. */
  readonly key: string;
  /** Source text, never changed. */
  readonly keyText: string;
  /** With a source text of its own. */
  readonly value: JsonNode;
}

/** The text from which a node was read. */
export interface Source {
  /** Source text; absent in a container that was made or changed here. */
  readonly text?: string | undefined;
}

/** One value of a document, with its source text. */
export type JsonNode =
  | (Source & {
    readonly type: "object";
    readonly members: readonly JsonMember[];
  })
  | (Source & {
    readonly type: "array";
    readonly items: readonly JsonNode[];
  })
  | { readonly type: "string"; readonly text: string; readonly value: string }
  | { readonly type: "number"; readonly text: string; readonly value: number }
  | { readonly type: "boolean"; readonly text: string; readonly value: boolean }
  | { readonly type: "null"; readonly text: "null"; readonly value: null };

/** An object of a document. */
export type JsonObject = Extract<JsonNode, { type: "object" }>;
/** An array of one. */
export type JsonArray = Extract<JsonNode, { type: "array" }>;

/**
 * Deeper nesting is refused, so that a hostile file cannot overflow our stack.
 */
const MAX_DEPTH = 64;

const [SPACE, TAB, LF, CR] = [0x20, 0x09, 0x0a, 0x0d];
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** Asked once for all strings: for each of them it costs as much as the rest. */
function isJson(source: string): boolean {
  try {
    JSON.parse(source);
    return true;
  } catch {
    return false;
  }
}

class Reader {
  #at = 0;
  readonly #source: string;
  /** Whether the built-in parser takes the whole document. */
  readonly #isValid: boolean;

  constructor(source: string) {
    this.#source = source;
    this.#isValid = isJson(source);
  }

  document(): JsonNode {
    const node = this.#value(0);
    this.#skipSpace();
    if (this.#at < this.#source.length) throw this.#error("unexpected text");
    return node;
  }

  #error(why: string): JsonSyntaxError {
    return new JsonSyntaxError(this.#source, this.#at, why);
  }

  /**
   * By hand: a regular expression at every token costs 0.5 ms a file, and a
   * comparison of texts costs as much again.
   */
  #skipSpace() {
    for (let at = this.#at;; at++) {
      const code = this.#source.charCodeAt(at); // NaN after the end
      const isSpace = code === SPACE || code === TAB || code === LF ||
        code === CR;
      if (isSpace) continue;
      this.#at = at;
      return;
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  /** Skips white space and, if `char` comes next, takes it. */
  #take(char: string): boolean {
    this.#skipSpace();
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #value(depth: number): JsonNode {
    this.#skipSpace();
    const start = this.#at;
    const char = this.#source[start];
    if (depth >= MAX_DEPTH && (char === "{" || char === "[")) {
      throw this.#error("nesting too deep");
    }
    switch (char) {
      case undefined:
        throw this.#error("unexpected end");
      case "{":
        return this.#object(start, depth);
      case "[":
        return this.#array(start, depth);
      case '"':
        return this.#string();
    }
    return this.#scalar();
  }

  #scalar(): JsonNode {
    const number = this.#match(NUMBER);
    if (number !== undefined) {
      return { type: "number", text: number, value: Number(number) };
    }
    const word = this.#match(WORD);
    if (word === "null") return { type: "null", text: word, value: null };
    if (word !== undefined) {
      return { type: "boolean", text: word, value: word === "true" };
    }
    throw this.#error("expected a JSON value");
  }

  #string(): Extract<JsonNode, { type: "string" }> {
    const end = this.#endOfString();
    const text = this.#source.slice(this.#at, end + 1);
    if (this.#isValid && !text.includes("\\")) {
      this.#at = end + 1;
      return { type: "string", text, value: text.slice(1, -1) };
    }
    try {
      // The built-in parser judges escapes and control characters.
      const value: string = JSON.parse(text);
      this.#at = end + 1;
      return { type: "string", text, value };
    } catch {
      throw this.#error("malformed string");
    }
  }

  /** The place of the closing quote of the string that begins here. */
  #endOfString(): number {
    for (let end = this.#at;;) {
      end = this.#source.indexOf('"', end + 1);
      if (end < 0) throw this.#error("unterminated string");
      // After an even number of backslashes a quote is not escaped.
      let first = end;
      while (this.#source.charCodeAt(first - 1) === BACKSLASH) first--;
      if ((end - first) % 2 === 0) return end;
    }
  }

  #object(start: number, depth: number): JsonObject {
    const members: JsonMember[] = [];
    this.#at++;
    if (!this.#take("}")) {
      do {
        this.#skipSpace();
        if (this.#source[this.#at] !== '"') throw this.#error("expected a key");
        const key = this.#string();
        if (!this.#take(":")) throw this.#error("expected ':'");
        const value = this.#value(depth + 1);
        members.push({ key: key.value, keyText: key.text, value });
      } while (this.#take(","));
      if (!this.#take("}")) throw this.#error("expected ',' or '}'");
    }
    return {
      type: "object",
      members,
      text: this.#source.slice(start, this.#at),
    };
  }

  #array(start: number, depth: number): JsonArray {
    const items: JsonNode[] = [];
    this.#at++;
    if (!this.#take("]")) {
      do items.push(this.#value(depth + 1)); while (this.#take(","));
      if (!this.#take("]")) throw this.#error("expected ',' or ']'");
    }
    return { type: "array", items, text: this.#source.slice(start, this.#at) };
  }
}

/**
 * Reads a whole document.
 *
 * @throws {JsonSyntaxError} if it is not JSON or nested deeper than 64 levels
 */
export function parseJson(source: string): JsonNode {
  return new Reader(source).document();
}

/**
 * Writes a document: untouched nodes to the letter, new nodes as Python's
 * `json.dumps` writes them (`", "`, `": "`, non-ASCII escaped), like Ganeti's
 * own writer.
 */
export function formatJson(node: JsonNode): string {
  if (node.text !== undefined) return node.text;
  if (node.type === "array") {
    return `[${node.items.map(formatJson).join(", ")}]`;
  }
  const members = node.members.map((member) =>
    `${member.keyText}: ${formatJson(member.value)}`
  );
  return `{${members.join(", ")}}`;
}

/** An array of these nodes; it is written again. */
export function jsonArray(items: readonly JsonNode[]): JsonArray {
  return { type: "array", items };
}

/** An object of these members; it is written again. */
export function jsonObject(members: readonly JsonMember[]): JsonObject {
  return { type: "object", members };
}

/** Plain data that {@linkcode jsonNode} accepts. */
export type Plain =
  | string
  | number
  | boolean
  | null
  | readonly Plain[]
  | { readonly [key: string]: Plain };

function quote(value: string): string {
  return JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    (char) => "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

/** Makes a node of plain data; keys keep JavaScript's order. */
export function jsonNode(value: Plain): JsonNode {
  if (value === null) return { type: "null", text: "null", value };
  switch (typeof value) {
    case "string":
      return { type: "string", text: quote(value), value };
    case "number":
      return { type: "number", text: JSON.stringify(value), value };
    case "boolean":
      return { type: "boolean", text: String(value), value };
  }
  if (Array.isArray(value)) return jsonArray(value.map((one) => jsonNode(one)));
  const members = Object.entries(value).map(([key, member]) => ({
    key,
    keyText: quote(key),
    value: jsonNode(member),
  }));
  return jsonObject(members);
}

/**
 * The same value as Python's `json.dumps` writes it, but with unchanged
 * numbers.
 */
export function normalized(node: JsonNode): JsonNode {
  switch (node.type) {
    case "string":
      return jsonNode(node.value);
    case "array":
      return jsonArray(node.items.map(normalized));
    case "object": {
      // Python's dict: a key that occurs twice keeps its first place and its
      // last value.
      const byKey = new Map(node.members.map((one) => [one.key, one]));
      return jsonObject(
        [...byKey.values()].map(({ key, value }) => ({
          key,
          keyText: quote(key),
          value: normalized(value),
        })),
      );
    }
  }
  return node;
}

/** The depth of nested containers; 0 for a scalar. */
export function depthOf(node: JsonNode): number {
  const inner = node.type === "array"
    ? node.items
    : node.type === "object"
    ? node.members.map(({ value }) => value)
    : undefined;
  if (inner === undefined) return 0;
  // One by one: as arguments of a call, millions would overflow our stack.
  return 1 + inner.reduce((most, one) => Math.max(most, depthOf(one)), 0);
}

/**
 * A member's value; the last one counts if a key occurs twice, as in Python.
 */
export function member(node: JsonNode, key: string): JsonNode | undefined {
  if (node.type !== "object") return undefined;
  // No closure: a file with many devices needs this some thousand times.
  for (let at = node.members.length - 1; at >= 0; at--) {
    const one = node.members[at];
    if (one?.key === key) return one.value;
  }
  return undefined;
}

/** A member that is a string, else undefined. */
export function stringMember(node: JsonNode, key: string): string | undefined {
  const value = member(node, key);
  return value?.type === "string" ? value.value : undefined;
}

/** A member that is a number, else undefined. */
export function numberMember(node: JsonNode, key: string): number | undefined {
  const value = member(node, key);
  return value?.type === "number" ? value.value : undefined;
}

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
