/**
 * Colour for the few lines that a person should look at first. Nothing is said
 * by colour alone.
 *
 * @module
 */

import type { Terminal } from "./answer.ts";

/** ECMA-48, SGR: bold yellow, and an end of both. */
const ON = "\x1b[1;33m";
const OFF = "\x1b[0m";

/** Whether stdout is a terminal whose person takes colour: no-color.org. */
export function wantsColour(
  { stdoutIsTerminal, env }: Terminal,
  flags: ReadonlySet<string>,
): boolean {
  return stdoutIsTerminal && !flags.has("no-color") && !env("NO_COLOR") &&
    env("TERM") !== "dumb";
}

/** Lines of which some are coloured; what they hold was made printable. */
export function coloured(
  lines: readonly string[],
  alerts: readonly number[],
): string[] {
  return lines.map((line, i) => alerts.includes(i) ? ON + line + OFF : line);
}
