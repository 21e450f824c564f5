/**
 * What a command is given and what it answers.
 *
 * @module
 */

import { HotplugError, type Remark } from "../errors.ts";
import type { Invocation } from "../words/options.ts";
import type { Trace } from "./trace.ts";

/** What a command line needs of the process it runs in. */
export interface Terminal {
  /** The words after the program's name. */
  readonly args: readonly string[];
  /** Undefined for a variable that is not set. */
  readonly env: (name: string) => string | undefined;
  /** Ends waiting at once: a signal came. */
  readonly signal: AbortSignal;
  /**
   * Writes to stdout; the text brings its line break.
   *
   * @throws if it cannot be written
   */
  readonly out: (text: string) => void;
  /** Whether a person sees stdout. */
  readonly stdoutIsTerminal: boolean;
  /** Likewise stderr. */
  readonly stderrIsTerminal: boolean;
  /** Of the terminal that stdout or stderr is. @default neither is one */
  readonly columns?: number | undefined;
  /** All of stdin, to its end. */
  readonly readInput: () => string;
  /** Likewise to stderr. */
  readonly err: (text: string) => void;
  /** For a command that goes on for long. @default there are none */
  readonly streams?: () => Streams;
}

/** Standard input and output of a command that goes on for long. */
export interface Streams {
  /** Read from when it is needed. */
  readonly input: ReadableStream<Uint8Array>;
  /**
   * Does not stop the program while its reader is slow.
   *
   * @throws if it cannot be written
   */
  readonly write: (text: string) => Promise<"written" | "gone">;
}

/** What is said to a program; {@link ./document.ts} finishes it. */
export type Document = Readonly<Record<string, unknown>>;

/** What a command says. */
export interface Answer {
  /** Lines for a person. */
  readonly text: readonly string[];
  /** Indexes of the lines to look at first. @default none */
  readonly alerts?: readonly number[];
  /** The same for a program. */
  readonly document: Document;
  /**
   * Both are shown to the letter, their secrets, too: they are to be used, and
   * would be of no use otherwise. @default secrets are hidden
   */
  readonly isVerbatim?: boolean;
  /** For stderr, and for programs. @default none */
  readonly warnings?: readonly Remark[];
  /** For stderr alone: the document has them. @default none */
  readonly settled?: readonly Remark[];
  /**
   * Something may have been changed that the document does not tell as
   * `changed`. @default nothing was
   */
  readonly effect?: "possible";
  /** Exit status of a question whose answer is a no. @default 0 */
  readonly status?: number;
  /** Why it is not the whole answer, which makes its status. @default it is */
  readonly fault?: HotplugError;
}

/** One command line on its way. */
export interface Call {
  /** Its words, parsed; no value is checked yet. */
  readonly invocation: Invocation;
  /** The process it runs in. */
  readonly terminal: Terminal;
  /** What `--verbose` and `--log` see. */
  readonly trace: Trace;
  /** Carries out another one. */
  readonly perform: (
    invocation: Invocation,
    how?: Performance,
  ) => Promise<Answer | undefined>;
}

/** How a command carries out another one. */
export interface Performance {
  /** Who does it. @default what its command names */
  readonly act?: Handler | undefined;
  /** Ends its waiting at once. @default the process's own */
  readonly signal?: AbortSignal;
  /** Takes the place of stderr. */
  readonly err?: Terminal["err"];
}

/** Carries out one command; undefined if it wrote its own answer. */
export type Handler = (
  call: Call,
) => Answer | undefined | Promise<Answer | undefined>;

/**
 * The streams of a command that goes on for long.
 *
 * @throws {HotplugError} `internal` if it was given none
 */
export function streamsOf({ terminal, invocation }: Call): Streams {
  const streams = terminal.streams?.();
  if (streams !== undefined) return streams;
  const name = invocation.command?.name;
  throw new HotplugError("internal", `${name} was given no streams`);
}
