/**
 * Reports the wait of a call.
 *
 * @module
 */

import type { Waiting, WaitListener } from "../state/waiting.ts";
import { cut, printable, screenWidth } from "../words/text.ts";
import type { Call } from "./answer.ts";
import type { Trace } from "./trace.ts";

/** Reports waits until the call is over. */
export interface WaitingLine extends Disposable {
  /** Called about every second. */
  readonly told: WaitListener;
}

function progressOf({ what, sinceMs, limitMs }: Waiting): string {
  const [since, limit] = [sinceMs, limitMs].map((ms) => Math.round(ms / 1000));
  return `${what}: ${since} s of ${limit}`;
}

/** The progress and the effect of Ctrl-C, in at most so many columns. */
function progressLine(wait: Waiting, width: number): string {
  const progress = progressOf(wait);
  const end = wait.end ?? "";
  const lines = [end, end.replace(/;.*/, "")]
    .map((effect) => effect && ` (Ctrl-C ${effect})`)
    .map((effect) => printable(progress + effect));
  return lines.find((line) => line.length <= width) ??
    cut(printable(progress), width);
}

/** A trace is read later: one line in this time is enough, in milliseconds. */
const TRACED_MS = 5000;

function traced(trace: Trace): WaitingLine {
  let nextMs = 0;
  const told = (wait: Waiting) => {
    const { sinceMs } = wait;
    // Another wait has begun.
    if (sinceMs < nextMs - TRACED_MS) nextMs = 0;
    if (sinceMs < nextMs) return;
    nextMs = sinceMs + TRACED_MS;
    trace.note(`waiting: ${progressOf(wait)}`);
  };
  return { told, [Symbol.dispose]() {} };
}

/** ECMA-48: CR, and EL to the end of the line. */
const CLEAR = "\r\x1b[K";

/** Shorter waits are not shown, in milliseconds. */
const SHORT_MS = 900;

/**
 * A line on a terminal that shows a wait in place, and disappears at its end.
 */
export function lineInPlace(write: (text: string) => void): WaitingLine {
  let isShown = false;
  return {
    told(wait) {
      if (wait.sinceMs < SHORT_MS) return;
      // A line that the terminal wraps could not be cleared.
      const text = progressLine(wait, screenWidth() - 1);
      write(CLEAR + text);
      isShown = true;
    },
    [Symbol.dispose]() {
      if (isShown) write(CLEAR);
      isShown = false;
    },
  };
}

/**
 * The report of a call's wait: a line in place for a person, or lines of their
 * own in a trace.
 *
 * @returns undefined without a terminal and a trace
 */
export function waitingLine(
  { invocation: { flags }, terminal, trace }: Call,
): WaitingLine | undefined {
  if (flags.has("verbose")) return traced(trace);
  if (!terminal.stderrIsTerminal || flags.has("quiet")) return undefined;
  return lineInPlace(terminal.err);
}
