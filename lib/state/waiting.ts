/**
 * The progress of a wait, for the person at the terminal.
 *
 * @module
 */

/** How long a wait has lasted. */
export interface Waiting {
  /** The reason of the wait: `the guest has not released disk 1`. */
  readonly what: string;
  /** Time since the wait began, in milliseconds. */
  readonly sinceMs: number;
  /** Longest time of the wait, in milliseconds. */
  readonly limitMs: number;
  /**
   * The effect of Ctrl-C, as the sentence "Ctrl-C …" goes on; after a `;` the
   * part that a narrow screen omits. Undefined if Ctrl-C does not end the wait.
   */
  readonly end: string | undefined;
}

/** Called about once a second during a wait. */
export type WaitListener = (wait: Waiting) => void;
