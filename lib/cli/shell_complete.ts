/**
 * What could stand at the end of a line of the shell.
 *
 * @module
 */

import type { Schema } from "../qmp/schema.ts";
import { completeArgument } from "../qmp/schema_complete.ts";
import { type Candidate, complete, FILES, type Lookups } from "./complete.ts";
import { deviceWords } from "./device_words.ts";
import { isOwn, ownCommand, ownCommands, wholeWords } from "./shell_line.ts";
import type { Target } from "./target.ts";

function plain(words: readonly string[]): Candidate[] {
  return words.map((word) => ({ word, note: "" }));
}

/** The shell knows its VM's schema, so nobody else is asked. */
function lookupsOf(schema: Schema, { paths }: Target): Lookups {
  return {
    instances: () => [],
    devices: (kind) => {
      try {
        return paths === undefined ? [] : deviceWords(paths.runtime, kind);
      } catch {
        return [];
      }
    },
    commands: () => Promise.resolve(plain(schema.commands)),
    args: (at) => Promise.resolve(completeArgument(schema, at)),
    events: () => Promise.resolve(plain(schema.events)),
  };
}

function firstWords(schema: Schema): string[] {
  const own = ownCommands().map(({ name }) => name.split(" ")[0] ?? "");
  return [...new Set([...own, "help", "exit", "qmp", ...schema.commands])];
}

/** The command line whose end is meant, and what of it is not ours. */
function meant(words: readonly string[], target: Target): string[] {
  const before = words.slice(0, -1);
  if (before[0] === "qmp") return ["qmp", target.label, ...words.slice(1)];
  if (!isOwn(before)) return ["qmp", target.label, ...words];
  return ownCommand(before) === undefined
    ? [...words]
    : wholeWords(words, target);
}

/**
 * The words that could stand in the last one's place, a blank behind those
 * that are whole.
 *
 * @param words of the line so far; the last may be empty
 */
export async function completeLine(
  words: readonly string[],
  schema: Schema,
  target: Target,
): Promise<string[]> {
  const last = words.at(-1) ?? "";
  const [first] = words;
  const isTopic = words.length === 2 && first === "help";
  if (words.length === 1 || isTopic) {
    return firstWords(schema).filter((one) => one.startsWith(last))
      .map((one) => `${one} `);
  }
  const found = await complete(meant(words, target), lookupsOf(schema, target));
  if (found === FILES) return [];
  return found.map(({ word }) => /[=.]$/.test(word) ? word : `${word} `);
}
