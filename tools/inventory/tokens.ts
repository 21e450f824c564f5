/**
 * TypeScript source as tokens: as much of its grammar as tells code, texts and
 * comments apart.
 *
 * @module
 */

/** One token; comments and white space are none. */
export interface Token {
  readonly kind: "name" | "number" | "text" | "regex" | "mark";
  /**
   * As in the source. For a text, what is between the quotes: in a template,
   * `{}` stands for each expression, with the texts that are inside it.
   */
  readonly text: string;
  /** The tokens of each expression in a template. */
  readonly inner: readonly (readonly Token[])[];
}

const SKIPPED = /(?:\s|\/\/.*|\/\*[\s\S]*?\*\/)+/y;
const NAME = /#?[A-Za-z_$][\w$]*/y;
const NUMBER = /(?:0[xob][\da-f_]+|[\d_]*\.?\d[\d_]*(?:e[-+]?\d+)?)n?/iy;
const QUOTED = /"((?:[^"\\\n]|\\[\s\S])*)"|'((?:[^'\\\n]|\\[\s\S])*)'/y;
const REGEX = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const MARK =
  /\*\*|=>|\?\?|\?\.|[=!]==?|<<|>>>?|[<>|&*/%+-]=|&&|\|\||\.\.\.|[^\w\s]/y;
const CHUNK = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y;
const FORMS = [["name", NAME], ["number", NUMBER], ["mark", MARK]] as const;

/** After these a slash begins a regular expression, as after most marks. */
const BEFORE_REGEX = /^(?:return|typeof|case|in|of|await|yield|void)$/;

/**
 * Splits a module into tokens. Texts that `+` joins become one text, so it
 * does not matter where a long one is broken.
 *
 * @throws {SyntaxError} if a character begins no token
 */
export function tokensOf(source: string): Token[] {
  return new Reader(source).read();
}

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** Up to the end, or up to the brace that closes a template's expression. */
  read(): Token[] {
    const tokens: Token[] = [];
    for (let depth = 0;;) {
      this.#take(SKIPPED);
      if (this.#at >= this.#source.length) return tokens;
      if (depth === 0 && this.#source[this.#at] === "}") return tokens;
      const token = this.#next(tokens.at(-1));
      if (token.kind === "mark" && token.text === "{") depth++;
      if (token.kind === "mark" && token.text === "}") depth--;
      push(tokens, token);
    }
  }

  #next(before: Token | undefined): Token {
    if (this.#source[this.#at] === "`") return this.#template();
    const quoted = this.#take(QUOTED);
    if (quoted) return plain("text", quoted[1] ?? quoted[2] ?? "");
    const regex = mayBeRegex(before) ? this.#take(REGEX) : null;
    if (regex) return plain("regex", regex[0]);
    for (const [kind, form] of FORMS) {
      const found = this.#take(form);
      if (found) return plain(kind, found[0]);
    }
    throw new SyntaxError(`No token begins at character ${this.#at}`);
  }

  #template(): Token {
    const inner: Token[][] = [];
    this.#at++;
    let text = this.#take(CHUNK)?.[0] ?? "";
    while (this.#source[this.#at] === "$") {
      this.#at += 2;
      const tokens = this.read();
      inner.push(tokens);
      this.#at++;
      const words = tokens.filter(({ kind }) => kind === "text");
      text += `{${words.map((one) => one.text).join("|")}}`;
      text += this.#take(CHUNK)?.[0] ?? "";
    }
    this.#at++;
    return { kind: "text", text, inner };
  }

  #take(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.#at;
    const found = form.exec(this.#source);
    if (found) this.#at = form.lastIndex;
    return found;
  }
}

function plain(kind: Token["kind"], text: string): Token {
  return { kind, text, inner: [] };
}

function mayBeRegex(before: Token | undefined): boolean {
  if (before === undefined) return true;
  if (before.kind === "name") return BEFORE_REGEX.test(before.text);
  return before.kind === "mark" && !/^[)\]}]$/.test(before.text);
}

function push(tokens: Token[], token: Token): void {
  const [left, plus] = tokens.slice(-2);
  if (token.kind !== "text" || left?.kind !== "text" || plus?.text !== "+") {
    tokens.push(token);
    return;
  }
  const inner = [...left.inner, ...token.inner];
  tokens.splice(-2, 2, { kind: "text", text: left.text + token.text, inner });
}
