/**
 * A wait that goes on, for a person who looks on.
 *
 * @module
 */

/** How far a wait has come. */
export interface Waiting {
  /** What is so as long as it goes on: `guest has not released disk 1`. */
  readonly what: string;
  /** For so long already, in milliseconds. */
  readonly sinceMs: number;
  /** Of so many at most, in milliseconds. */
  readonly limitMs: number;
  /** What Ctrl-C makes of it, in a word or two; undefined: it goes on. */
  readonly end: string | undefined;
}

/** Is told of a wait about every second. */
export type WaitListener = (wait: Waiting) => void;
