/**
 * The checks, refusals and bounds of a program, as lines without places.
 *
 * @module
 */

import { type Token, tokensOf } from "./tokens.ts";

/** Functions of this return type make errors, and so do these classes. */
const ERROR = /(?:Error|Fault|Misfit)$/;
const UPPER = /^[A-Z][A-Z0-9_]*$/;
/** A deadline, or a length of time. */
const WAIT = /^#?(?:\w*[a-z]Ms|deadline|until)$/;
/** A text of two words or more. */
const SENTENCE = /[a-z]\S* +\S/i;
const WORD = /^[\w-]+(?: [\w-]+)?$/;
/** Too small to be a bound: counted, indexed, compared with nothing. */
const SMALL = /^[012]n?$/;
/** Calls that check, that wait, and that a node's files depend on. */
const CALL = new RegExp(
  "^(?:(?:refuse|check|require|ensure|expect|reject|accept|verify)[A-Z]\\w*|" +
    "is[A-Z]\\w*|f(?:data)?sync|ftruncate|fchmod|fchown|flock|rename|unlink|" +
    "mkdir|rmdir|mknod\\w*|bindMount|unmount|actingAs|open[A-Z]\\w*|reopen|" +
    "read(?:All|Part|Regular\\w*)|writeAll|removeIfThere|poll\\w*|waitFor|" +
    "within|until|pause|setTimeout|startDeadline|throwIfAborted)$",
);

/** Calls with an important word: a QMP command, a test of a text. */
const CALL_OF_WORD = /^(?:execute|qmpStep|startsWith|endsWith|includes|has)$/;

type Tokens = readonly Token[];
/** Is told the kind of a find, and what it is. */
type Say = (kind: string, text: string) => void;

function is(token: Token | undefined, mark: string): boolean {
  return token?.kind === "mark" && token.text === mark;
}

/** The tokens up to a comma, semicolon or closing mark of the same depth. */
function expressionAt(tokens: Tokens, begin: number): Tokens {
  let end = begin;
  for (let depth = 0; end < tokens.length; end++) {
    const { kind, text } = tokens[end] as Token;
    if (kind !== "mark") continue;
    if (depth === 0 && /^[,;)\]}]$/.test(text)) break;
    if (/^[([{]$/.test(text)) depth++;
    if (/^[)\]}]$/.test(text)) depth--;
  }
  return tokens.slice(begin, end);
}

/** All between an opening mark and its closing one. */
function insideOf(tokens: Tokens, open: number): Tokens {
  let end = open + 1;
  for (;;) {
    end += expressionAt(tokens, end).length;
    if (!is(tokens[end], ",") && !is(tokens[end], ";")) break;
    end++;
  }
  return tokens.slice(open + 1, end);
}

function shown(tokens: Tokens): string {
  return tokens.map(({ kind, text }) => kind === "text" ? `"${text}"` : text)
    .join(" ").replaceAll(/(?<=[([.]) | (?=[)\],;.([:])/g, "")
    .replaceAll(/,(?=[)\]]|$)/g, "");
}

/** Imports and re-exports are left out: they move with their file. */
function withoutImports(tokens: Tokens): Token[] {
  let skips = false;
  return tokens.filter(({ kind, text }, at) => {
    const next = tokens[at + 1];
    if (is(tokens[at - 1], ";")) skips = false;
    if (kind === "name" && text === "import") {
      skips ||= !is(next, "(") && !is(next, ".");
    }
    if (kind === "name" && text === "export") skips ||= is(next, "{");
    return !skips;
  });
}

/** A module's tokens, and the tokens of each expression in its templates. */
function streamsOf(tokens: Tokens): Tokens[] {
  const inner = tokens.flatMap((token) => token.inner.flatMap(streamsOf));
  return [tokens, ...inner];
}

/** The return type, if this parenthesis belongs to a declaration; or "". */
function declares(tokens: Tokens, open: number): string | undefined {
  const end = open + 1 + insideOf(tokens, open).length;
  const [colon, type, brace] = tokens.slice(end + 1, end + 4);
  if (is(colon, "{")) return "";
  if (!is(colon, ":") || type?.kind !== "name") return undefined;
  return is(brace, "{") || is(brace, "|") ? type.text : undefined;
}

function makersIn(tokens: Tokens): string[] {
  return tokens.flatMap(({ kind, text }, at) => {
    if (kind !== "name" || !is(tokens[at + 1], "(")) return [];
    return ERROR.test(declares(tokens, at + 1) ?? "") ? [text] : [];
  });
}

/** The parts of an error: its texts; `-` stands for a computed part. */
function errorText(args: Tokens): string {
  const parts = args.flatMap(({ kind, text }, at) => {
    if (kind === "text") return [text];
    if (kind !== "name" || !is(args[at + 1], ":")) return [];
    const value = expressionAt(args, at + 2);
    if (value.some((one) => one.kind === "text")) return [`${text}:`];
    return [`${text}: -`];
  });
  return parts.join("; ").replaceAll(":; ", ": ") || "-";
}

/** Permissions and flags are octal. */
function kindOf(numbers: string): string {
  return /\b0o/.test(numbers) ? "mask" : "number";
}

/** The common knowledge of all modules. */
interface Known {
  /** Functions that make errors. */
  readonly makers: ReadonlySet<string>;
  readonly constants: ReadonlySet<string>;
  /** Texts and numbers that the line of another token has told. */
  readonly told: Set<Token>;
}

/** Looks at one stream of tokens; says a kind and a text for each find. */
class Look {
  readonly #tokens: Tokens;
  readonly #known: Known;
  readonly #say: Say;

  constructor(tokens: Tokens, known: Known, say: Say) {
    this.#tokens = tokens;
    this.#known = known;
    this.#say = say;
  }

  all(): void {
    this.#tokens.forEach((token, at) => {
      const { kind, text, inner } = token;
      for (const one of inner.flat()) {
        if (one.kind === "text") this.#known.told.add(one);
      }
      if (kind === "name") this.#name(text, at);
      else if (kind === "regex") this.#say("regex", text);
      else if (kind === "mark") this.#mark(text, at);
      else if (kind === "text") this.#text(token, at);
      else if (!this.#known.told.has(token)) this.#number(text, at);
    });
  }

  #name(name: string, at: number): void {
    const before = this.#tokens[at - 1];
    const next = this.#tokens[at + 1];
    if (before?.text === "throw") this.#say("throw", name);
    if (before?.text === "instanceof") this.#say("caught", name);
    if (is(next, "(") && before?.text !== "function") this.#call(name, at);
    const isType = is(before, ":") && is(next, "=");
    if (!isType && (is(next, ":") || is(next, "="))) this.#value(name, at);
    if (!UPPER.test(name) || is(before, ".")) return;
    if (this.#known.constants.has(name)) this.#say("name", name);
    if (is(next, ".") && !is(before, "|")) this.#flags(at);
  }

  #call(name: string, at: number): void {
    const before = this.#tokens[at - 1];
    const args = insideOf(this.#tokens, at + 1);
    if (declares(this.#tokens, at + 1) !== undefined) return;
    const isClass = before?.text === "new" && ERROR.test(name);
    if (isClass || this.#known.makers.has(name)) {
      for (const one of args) this.#known.told.add(one);
      this.#say("error", `${name}: ${errorText(args)}`);
    } else if (CALL.test(name)) this.#say("call", name);
    const [word] = args;
    if (CALL_OF_WORD.test(name) && word?.kind === "text") {
      this.#say("call", `${name}("${word.text}")`);
    }
    const plain = args.every(({ kind, text }) =>
      kind === "number" || /^(?:[,-]|\*\*)$/.test(text)
    );
    const large = args.filter(({ kind, text }) =>
      kind === "number" && !SMALL.test(text)
    );
    if (!plain || large.length === 0) return;
    for (const one of large) this.#known.told.add(one);
    this.#say("bound", `${name}(${shown(args)})`);
  }

  #value(name: string, at: number): void {
    let begin = at + 2;
    if (
      is(this.#tokens[at + 1], ":") && this.#tokens[at - 1]?.text === "const"
    ) {
      const equals = this.#tokens.findIndex((one, i) => i > at && is(one, "="));
      begin = equals + 1;
    }
    const value = expressionAt(this.#tokens, begin);
    const text = `${name} = ${shown(value)}`;
    const isNumber = value.some(({ kind }) => kind === "number") &&
      value.every(({ kind, text }) => kind !== "name" || UPPER.test(text));
    if (isNumber && (UPPER.test(name) || !SMALL.test(shown(value)))) {
      for (const one of value) this.#known.told.add(one);
      this.#say(kindOf(text), text);
    } else if (
      WAIT.test(name) && !/^(?:number|Deadline)\b/.test(shown(value))
    ) {
      this.#say("wait", text);
    }
  }

  /** Flags that are combined; a variable among them keeps its name. */
  #flags(at: number): void {
    let end = at;
    while (/^(?:[.|]|#?\w+)$/.test(this.#tokens[end]?.text ?? "")) end++;
    const flags = shown(this.#tokens.slice(at, end)).split(" | ").sort();
    if (/\.[A-Z]/.test(flags.join())) this.#say("flags", flags.join(" | "));
  }

  #text(token: Token, at: number): void {
    const before = this.#tokens[at - 1];
    if (is(before, "===") || is(before, "!==")) {
      this.#say("compare", `${before?.text} "${token.text}"`);
    }
    if (this.#known.told.has(token) || !SENTENCE.test(token.text)) return;
    this.#say("text", token.text);
  }

  /** A number without a name, with the text before it. */
  #number(text: string, at: number): void {
    const before = this.#tokens.slice(Math.max(0, at - 2), at);
    if (!SMALL.test(text)) this.#say(kindOf(text), `${shown(before)} ${text}`);
  }

  /** Lists of words: what is accepted, or left out. */
  #mark(mark: string, at: number): void {
    if (mark !== "[" && mark !== "(") return;
    const inside = insideOf(this.#tokens, at).filter((one) => !is(one, ","));
    const isList = inside.length > 1 &&
      inside.every(({ kind, text }) => kind === "text" && WORD.test(text));
    const words = inside.map(({ text }) => text).sort();
    if (isList) this.#say("words", words.join(", "));
  }
}

/**
 * The inventory of a program: sorted lines without names of files.
 *
 * @param sources the text of each module, in any order
 */
export function inventoryOf(sources: readonly string[]): string[] {
  const modules = sources.map((source) => withoutImports(tokensOf(source)));
  const makers = new Set(modules.flatMap(makersIn));
  const constants = new Set(
    modules.flatMap((tokens) =>
      tokens.filter((_, at) => tokens[at - 1]?.text === "const")
        .map(({ text }) => text)
    ),
  );
  const told = new Set<Token>();
  const counts = new Map<string, number>();
  const say: Say = (kind, text) => {
    const line = `${kind} ${text.replaceAll("\n", "\\n")}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  };
  for (const stream of modules.flatMap(streamsOf)) {
    new Look(stream, { makers, constants, told }, say).all();
  }
  return [...counts].sort(([a], [b]) => a < b ? -1 : 1)
    .map(([line, count]) => count > 1 ? `${line} (${count} times)` : line);
}
