/**
 * The input of a command and its answer.
 *
 * @module
 */

import { HotplugError, type Remark } from "../errors.ts";
import type { Invocation } from "../words/options.ts";
import type { Trace } from "./trace.ts";

/** The parts of its process that a command line needs. */
export interface Terminal {
  /** The words after the program's name. */
  readonly args: readonly string[];
  /** Undefined for a variable that is not set. */
  readonly env: (name: string) => string | undefined;
  /** Ends each wait at once: a signal came. */
  readonly signal: AbortSignal;
  /**
   * Writes to stdout; the text includes its line break.
   *
   * @throws if it cannot be written
   */
  readonly out: (text: string) => void;
  /** Whether stdout is a terminal. */
  readonly stdoutIsTerminal: boolean;
  /** Whether stderr is a terminal. */
  readonly stderrIsTerminal: boolean;
  /** Width of the terminal of stdout or stderr. @default neither is one */
  readonly columns?: number | undefined;
  /** All of stdin, to its end. */
  readonly readInput: () => string;
  /** Writes to stderr; the text includes its line break. */
  readonly err: (text: string) => void;
  /** For a command that runs for a long time. @default there are none */
  readonly streams?: () => Streams;
}

/** Standard input and output of a command that runs for a long time. */
export interface Streams {
  /** Read only when input is needed. */
  readonly input: ReadableStream<Uint8Array>;
  /**
   * Does not stop the program while its reader is slow.
   *
   * @throws if it cannot be written
   */
  readonly write: (text: string) => Promise<"written" | "gone">;
}

/** A document for a program; {@link ./document.ts} completes it. */
export type Document = Readonly<Record<string, unknown>>;

/** The answer of a command. */
export interface Answer {
  /** Lines for a person. */
  readonly text: readonly string[];
  /** Indexes of the most important lines. @default none */
  readonly alerts?: readonly number[];
  /** The same answer for a program. */
  readonly document: Document;
  /**
   * Both are shown to the letter, with their secrets, because a person needs
   * these. @default secrets are hidden
   */
  readonly isVerbatim?: boolean;
  /** For stderr, and for programs. @default none */
  readonly warnings?: readonly Remark[];
  /** For stderr alone: the document contains them already. @default none */
  readonly settled?: readonly Remark[];
  /**
   * Something may have been changed, but `changed` of the document does not say
   * so. @default nothing was changed
   */
  readonly effect?: "possible";
  /** Exit status of a question with the answer no. @default 0 */
  readonly status?: number;
  /**
   * Why the answer is incomplete; it decides the status. @default it is
   * complete
   */
  readonly fault?: HotplugError;
}

/** One command line in progress. */
export interface Call {
  /** Its words, parsed; no value is checked yet. */
  readonly invocation: Invocation;
  /** The process it runs in. */
  readonly terminal: Terminal;
  /** The receiver of `--verbose` and `--log`. */
  readonly trace: Trace;
  /** Runs another command. */
  readonly perform: (
    invocation: Invocation,
    how?: Performance,
  ) => Promise<Answer | undefined>;
}

/** How a command runs another command. */
export interface Performance {
  /** The handler. @default the handler of its command */
  readonly act?: Handler | undefined;
  /** Ends its wait at once. @default the signal of the process */
  readonly signal?: AbortSignal;
  /** Replaces stderr. */
  readonly err?: Terminal["err"];
}

/** Runs one command; undefined if it wrote its own answer. */
export type Handler = (
  call: Call,
) => Answer | undefined | Promise<Answer | undefined>;

/**
 * The streams of a command that runs for a long time.
 *
 * @throws {HotplugError} `internal` if there are none
 */
export function streamsOf({ terminal, invocation }: Call): Streams {
  const streams = terminal.streams?.();
  if (streams !== undefined) return streams;
  const name = invocation.command?.name;
  throw new HotplugError("internal", `${name} was given no streams`);
}
