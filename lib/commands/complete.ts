/**
 * Completes the end of a command line from the one table of commands; only the
 * node knows some of the words: {@linkcode Lookups}.
 *
 * @module
 */

import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type OptionSpec,
} from "../words/options.ts";
import { kindOfOperand } from "../kinds.ts";
import { NEGATABLE } from "./args.ts";
import { commandAt, COMMANDS } from "./commands.ts";

/** A possible word. */
export interface Candidate {
  /** To the letter; a word that ends in `=` continues. */
  readonly word: string;
  /** Its meaning, one line; may be empty. */
  readonly note: string;
}

/** Names of files are possible: the shell completes them best. */
export const FILES = "files";

/** The possible words. */
export type Completion = readonly Candidate[] | typeof FILES;

/** Questions to this node. Each returns an empty list if there is no answer. */
export interface Lookups {
  /** Instances of this node. */
  instances(): Candidate[] | Promise<Candidate[]>;
  /** Devices of one kind, by its word, of one instance. */
  devices(kind: string, instance: string): Candidate[] | Promise<Candidate[]>;
  /** QMP commands of one QEMU. */
  commands(instance: string): Candidate[] | Promise<Candidate[]>;
  /** Arguments of a QMP command that begin with a word. */
  args(at: QmpPlace): Promise<Candidate[]>;
  /** Events of one QEMU. */
  events(instance: string): Candidate[] | Promise<Candidate[]>;
  /** Bridges of this node. */
  bridges(): Candidate[] | Promise<Candidate[]>;
}

/** A place in the arguments of a QMP command. */
export interface QmpPlace {
  /** Name or socket. */
  readonly instance: string;
  readonly command: string;
  /** `KEY=VALUE` words before it. */
  readonly before: readonly string[];
  /** The typed part of the word. */
  readonly word: string;
}

/** A command line up to the word that is being typed. */
interface Line {
  readonly command: CommandSpec | undefined;
  /** Without options and the command's own words. */
  readonly operands: readonly string[];
  /** Words that are not options, with the command's own. */
  readonly plain: readonly string[];
  /** The option with the value that is being typed. */
  readonly open: OptionSpec | undefined;
}

function optionsOf(command: CommandSpec | undefined): OptionSpec[] {
  return [...(command?.options ?? []), ...GLOBAL_OPTIONS];
}

function allOptions(): OptionSpec[] {
  return [...COMMANDS.flatMap(({ options }) => options), ...GLOBAL_OPTIONS];
}

function readLine(words: readonly string[]): Line {
  const plain: string[] = [];
  let open: OptionSpec | undefined;
  for (const word of words) {
    if (open !== undefined) {
      open = undefined;
    } else if (!word.startsWith("--")) {
      plain.push(word);
    } else if (!word.includes("=")) {
      const option = allOptions().find(({ name }) => `--${name}` === word);
      open = option?.value === undefined ? undefined : option;
    }
  }
  const command = commandAt(plain);
  const own = command?.name.split(" ").length ?? 0;
  return { command, operands: plain.slice(own), plain, open };
}

/** Words without a note. */
export function plainWords(words: readonly string[]): Candidate[] {
  return words.map((word) => ({ word, note: "" }));
}

/** Metavariables of option values and operands that are names of files. */
const FILE_VALUES = ["DIR", "PATH", "FILE", "SOURCE"];

async function optionValue(
  option: OptionSpec,
  line: Line,
  lookups: Lookups,
): Promise<Completion> {
  if (FILE_VALUES.includes(option.value ?? "")) return FILES;
  if (option.value === "EVENT") {
    return await lookups.events(line.operands[0] ?? "");
  }
  return option.name === "link"
    ? lookups.bridges()
    : plainWords(option.choices ?? []);
}

/** Options that are not given yet. */
function options(line: Line, words: readonly string[]): Candidate[] {
  return optionsOf(line.command)
    .flatMap(({ name, help }) => [
      { word: `--${name}`, note: help },
      ...NEGATABLE.includes(name)
        ? [{ word: `--no-${name}`, note: `not: ${help}` }]
        : [],
    ])
    .filter(({ word }) => !words.includes(word));
}

/** The next word of each command that begins with these words. */
function commandWords(plain: readonly string[]): Candidate[] {
  const at = plain.length;
  const found = new Map<string, string>();
  for (const { name, summary } of COMMANDS) {
    const parts = name.split(" ");
    const next = parts[at];
    if (next === undefined) continue;
    if (!plain.every((word, i) => parts[i] === word)) continue;
    const last = parts.length === at + 1;
    found.set(next, last ? summary : `${next} commands`);
  }
  return [...found].map(([word, note]) => ({ word, note }));
}

async function operand(
  line: Line,
  word: string,
  lookups: Lookups,
): Promise<Completion> {
  const { command, operands } = line;
  if (command?.name === "help") return commandWords(operands);
  const known = command?.operands ?? [];
  const at = Math.min(operands.length, known.length - 1);
  const open = known[at]?.endsWith("...]");
  if (operands.length >= known.length && !open) return [];
  const kind = (known[at] ?? "").replace(/^\[|\]$/g, "");
  const instance = operands[0] ?? "";
  switch (kind) {
    case "INSTANCE":
      return lookups.instances();
    case "INSTANCE|SOCKET":
      return word.includes("/") ? FILES : lookups.instances();
  }
  const selected = kindOfOperand(kind)?.word;
  if (selected !== undefined) return lookups.devices(selected, instance);
  if (FILE_VALUES.includes(kind)) return FILES;
  if (command?.name === "qmp") {
    return operands.length === 1
      ? await lookups.commands(instance)
      : await lookups.args({
        instance,
        command: operands[1] ?? "",
        before: operands.slice(2),
        word,
      });
  }
  const words = kind.split("|");
  const literal = words.every((one) => /^[a-z]/.test(one));
  return literal ? plainWords(words) : [];
}

/**
 * The possible words in the place of the last word: all that begin with it.
 *
 * @param words the words after the program's name; the last may be empty
 */
export async function complete(
  words: readonly string[],
  lookups: Lookups,
): Promise<Completion> {
  const before = words.slice(0, -1);
  const word = words.at(-1) ?? "";
  const line = readLine(before);
  const found = await candidates(line, { before, word }, lookups);
  if (found === FILES) return FILES;
  return found.filter((one) => one.word.startsWith(word));
}

async function candidates(
  line: Line,
  { before, word }: { before: readonly string[]; word: string },
  lookups: Lookups,
): Promise<Completion> {
  if (line.open !== undefined) {
    return await optionValue(line.open, line, lookups);
  }
  const assigned = /^--([^=]+)=/.exec(word);
  if (assigned !== null) {
    const [start, name] = assigned;
    const option = optionsOf(line.command).find((one) => one.name === name);
    if (option === undefined) return [];
    const values = await optionValue(option, line, lookups);
    return values === FILES
      ? FILES
      : values.map(({ word, note }) => ({ word: start + word, note }));
  }
  if (word.startsWith("-")) return options(line, before);
  if (line.command === undefined) return commandWords(line.plain);
  // `list` is a whole command; `state` is only the beginning of three.
  return await operand(line, word, lookups);
}
