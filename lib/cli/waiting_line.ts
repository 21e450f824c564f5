/**
 * One line on a terminal that says what is waited for, for how long, and until
 * when.
 *
 * @module
 */

import type { Waiting } from "../operation/world.ts";
import { printable } from "./text.ts";

/** ECMA-48: CR, and EL to the end of the line. */
const CLEAR = "\r\x1b[K";

/** Waits shorter than this are not worth a line, in milliseconds. */
const SHORT_MS = 900;

/** Shows a wait in place; gone without a trace once it is over. */
export class WaitingLine implements Disposable {
  readonly #write: (text: string) => void;
  #isShown = false;

  /** Shows nothing yet. @param write to the terminal */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Shows how far a wait has come. */
  show({ title, sinceMs, limitMs }: Waiting): void {
    if (sinceMs < SHORT_MS) return;
    const [since, limit] = [sinceMs, limitMs].map((ms) =>
      Math.round(ms / 1000)
    );
    const text =
      `guest has not released ${title}: ${since} s of ${limit} (Ctrl-C: pending)`;
    this.#write(CLEAR + printable(text));
    this.#isShown = true;
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#isShown) this.#write(CLEAR);
    this.#isShown = false;
  }
}
