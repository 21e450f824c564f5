/**
 * One line on a terminal that says what is waited for, for how long, and until
 * when.
 *
 * @module
 */

import type { Waiting, Watcher } from "../state/waiting.ts";
import { cut, printable, SCREEN_WIDTH } from "../words/text.ts";

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

  /** For who is told of waits; it goes with the line. */
  get told(): Watcher {
    return (wait) => this.show(wait);
  }

  /** Shows how far a wait has come. */
  show({ what, sinceMs, limitMs, end }: Waiting): void {
    if (sinceMs < SHORT_MS) return;
    const [since, limit] = [sinceMs, limitMs].map((ms) =>
      Math.round(ms / 1000)
    );
    const way = end === undefined ? "" : ` (Ctrl-C: ${end})`;
    const text = `${what}: ${since} s of ${limit}${way}`;
    // A line that was broken could not be taken away.
    this.#write(CLEAR + cut(printable(text), SCREEN_WIDTH - 1));
    this.#isShown = true;
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#isShown) this.#write(CLEAR);
    this.#isShown = false;
  }
}
