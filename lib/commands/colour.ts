/**
 * Colour for the few most important lines. Colour never carries information
 * alone.
 *
 * @module
 */

import type { Terminal } from "./answer.ts";

/** ECMA-48, SGR: bold yellow, and an end of both. */
const ON = "\x1b[1;33m";
const OFF = "\x1b[0m";

/** Whether stdout is a terminal for which colour is allowed: no-color.org. */
export function wantsColour(
  { stdoutIsTerminal, env }: Terminal,
  flags: ReadonlySet<string>,
): boolean {
  return stdoutIsTerminal && !flags.has("no-color") && !env("NO_COLOR") &&
    env("TERM") !== "dumb";
}

/** Lines, some of them coloured; their text is printable already. */
export function coloured(
  lines: readonly string[],
  alerts: readonly number[],
): string[] {
  return lines.map((line, i) => alerts.includes(i) ? ON + line + OFF : line);
}
