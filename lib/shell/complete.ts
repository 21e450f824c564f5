/**
 * Completes the end of a line of the shell.
 *
 * @module
 */

import { completeLive } from "../monitor/complete.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Schema } from "../qmp/schema.ts";
import {
  complete,
  FILES,
  type Lookups,
  plainWords,
} from "../commands/complete.ts";
import { deviceWords } from "../commands/device_words.ts";
import { isOwn, ownCommand, ownCommands, wholeWords } from "./line.ts";
import type { Target } from "../plan/facts.ts";

/** Work on the shell's own session. */
export type OnSession = <T>(
  work: (session: QmpSession) => Promise<T>,
) => Promise<T>;

/** The data and the session of a shell. */
export interface ShellState {
  readonly schema: Schema;
  readonly target: Target;
  readonly onSession: OnSession;
}

/** The shell has its VM's schema and its VM's monitor. */
function lookupsOf(
  { schema, target: { paths }, onSession }: ShellState,
): Lookups {
  return {
    instances: () => [],
    devices: (kind) => {
      try {
        return paths === undefined ? [] : deviceWords(paths.runtime, kind);
      } catch {
        return [];
      }
    },
    commands: () => plainWords(schema.commands),
    args: (at) => onSession((session) => completeLive(session, schema, at)),
    events: () => plainWords(schema.events),
    bridges: () => [],
  };
}

/** First words: our commands, then QEMU's; an empty word starts a new group. */
function firstWords(schema: Schema, begin: string): string[] {
  const own = ownCommands().map(({ name }) => name.split(" ")[0] ?? "");
  const ours = [...new Set([...own, "help", "exit", "qmp"])];
  const [some, others] = [ours, schema.commands].map((group) =>
    group.filter((one) => one.startsWith(begin)).map((one) => `${one} `)
  ) as [string[], string[]];
  const isSplit = some.length > 0 && others.length > 0;
  return isSplit ? [...some, "", ...others] : [...some, ...others];
}

/** The command line of which the end is completed, and its part for QEMU. */
function meant(words: readonly string[], target: Target): string[] {
  const before = words.slice(0, -1);
  if (before[0] === "qmp") return ["qmp", target.label, ...words.slice(1)];
  if (!isOwn(before)) return ["qmp", target.label, ...words];
  return ownCommand(before) === undefined
    ? [...words]
    : wholeWords(words, target);
}

/**
 * The possible words in place of the last one; complete words have a blank
 * after them.
 *
 * @param words of the line so far; the last may be empty
 */
export async function completeLine(
  words: readonly string[],
  state: ShellState,
): Promise<string[]> {
  const { schema, target } = state;
  const last = words.at(-1) ?? "";
  const [first] = words;
  const isTopic = words.length === 2 && first === "help";
  if (words.length === 1 || isTopic) {
    return firstWords(schema, last);
  }
  const found = await complete(meant(words, target), lookupsOf(state));
  if (found === FILES) return [];
  return found.map(({ word }) => /[=.]$/.test(word) ? word : `${word} `);
}
