/**
 * Who is told of a call's waiting.
 *
 * @module
 */

import type { Waiting, Watcher } from "../state/waiting.ts";
import type { Call } from "./answer.ts";
import type { Trace } from "./trace.ts";

/** Whoever is told, until the call is over. */
export interface WaitingLine extends Disposable {
  /** To be told about every second. */
  readonly told: Watcher;
}

/** A trace is to be read later: a line each so many milliseconds will do. */
const TRACED_MS = 5000;

function traced(trace: Trace): WaitingLine {
  let nextMs = 0;
  const told = ({ what, sinceMs, limitMs }: Waiting) => {
    // Another wait begins anew.
    if (sinceMs < nextMs - TRACED_MS) nextMs = 0;
    if (sinceMs < nextMs) return;
    nextMs = sinceMs + TRACED_MS;
    const [since, limit] = [sinceMs, limitMs].map((ms) =>
      Math.round(ms / 1000)
    );
    trace.note(`waiting: ${what}: ${since} s of ${limit}`);
  };
  return { told, [Symbol.dispose]() {} };
}

/**
 * Who is told of a call's waiting: a person sees a line in place, a trace has
 * its own lines.
 *
 * @returns undefined if nobody looks on
 */
export async function waitingLine(
  { invocation: { flags }, terminal, trace }: Call,
): Promise<WaitingLine | undefined> {
  if (flags.has("verbose")) return traced(trace);
  if (!terminal.stderrIsTerminal || flags.has("quiet")) return undefined;
  const { WaitingLine } = await import("./waiting_line.ts");
  return new WaitingLine(terminal.err);
}
