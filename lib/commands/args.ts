/**
 * Parses the words: the command, its operands, its options. {@link ./values.ts}
 * checks the meaning of the words.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { type HotplugError, usage } from "../errors.ts";
import { nearest } from "../words/nearest.ts";
import { commandMeant, optionMeant } from "../words/other_words.ts";
import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type Invocation,
  type OptionSpec,
} from "../words/options.ts";
import { commandAt, COMMANDS } from "./commands.ts";

const ALL_OPTIONS: readonly OptionSpec[] = [
  ...GLOBAL_OPTIONS,
  ...COMMANDS.flatMap((command) => command.options),
];

/** Flags that also have a `--no-` form. */
export const NEGATABLE: readonly string[] = ["vhost"];

function hintAt(name = ""): string {
  const own = ["kvm-hotplug", name, "--help"].filter(Boolean);
  return `${own.join(" ")} shows the usage`;
}

/** The command that the words name, as far as they name one. */
function commandIn(words: readonly string[]): CommandSpec | undefined {
  const plain = words.filter((word) => !isOption(word));
  const [command] = plain.flatMap((_, i) => commandAt(plain.slice(i)) ?? []);
  return command;
}

function hintIn(words: readonly string[]): string {
  return hintAt(commandIn(words)?.name);
}

/** Whether several commands begin with this word. */
function isGroup(word: string): boolean {
  return COMMANDS.some(({ name }) => name.startsWith(`${word} `));
}

/** `-1` is a device, not an option. */
const NEGATIVE = /^-\d+$/;
const SHIELD = "\0";

function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith("-") && !NEGATIVE.test(word);
}

/**
 * Words that are not options are hidden: `true` would be taken as the value of
 * a flag.
 */
function shield(word: string): string {
  return isOption(word) ? word : SHIELD + word;
}

function unshield(word: string): string {
  return word.startsWith(SHIELD) ? word.slice(SHIELD.length) : word;
}

function unknownOption(word: string, words: readonly string[]): HotplugError {
  const name = word.replace(/^-+/, "").split("=")[0] ?? "";
  const command = commandIn(words);
  const known = command === undefined
    ? ALL_OPTIONS
    : [...command.options, ...GLOBAL_OPTIONS];
  const close = optionMeant(name) ??
    nearest(name, known.map((option) => option.name));
  return usage(
    `Unknown option ${word}`,
    close === undefined ? hintIn(words) : `did you mean --${close}?`,
  );
}

function names(options: readonly OptionSpec[], kind: "value" | "flag") {
  return options
    .filter((option) => (option.value === undefined) === (kind === "flag"))
    .map((option) => option.name);
}

function checkLong(word: string, words: readonly string[]) {
  const [name = "", ...value] = word.slice(2).split("=");
  const option = ALL_OPTIONS.find((one) => one.name === name);
  const negative = NEGATABLE.includes(name.replace(/^no-/, ""));
  if (option === undefined && !negative) throw unknownOption(word, words);
  if (value.length > 0 && option?.value === undefined) {
    throw usage(`Option --${name} takes no value`, hintIn(words));
  }
}

/**
 * Checks every option word before the parser sees it, because the parser
 * accepts too much: it would take `--force=no` as `--force`.
 */
function checkWords(words: readonly string[]) {
  const letters = ALL_OPTIONS.flatMap(({ short }) => short ?? []);
  for (const word of words.slice(0, endOfOptions(words))) {
    if (!isOption(word)) continue;
    if (word.startsWith("--")) checkLong(word, words);
    else if (![...word.slice(1)].every((char) => letters.includes(char))) {
      throw unknownOption(word, words);
    }
  }
}

/** The end of the options: at `--`, else at the end of the words. */
function endOfOptions(words: readonly string[]): number {
  const end = words.indexOf("--");
  return end < 0 ? words.length : end;
}

/** Words in `_`, which are never numbers; options by their names. */
interface Parsed {
  readonly _: readonly string[];
  readonly [option: string]: unknown;
}

function parseWords(words: readonly string[]): Parsed {
  const aliases = ALL_OPTIONS.flatMap(({ name, short }) =>
    short === undefined ? [] : [[short, name]]
  );
  const end = endOfOptions(words);
  const shielded = words.map((word, i) =>
    i < end || (i === end && word === "--") ? shield(word) : SHIELD + word
  );
  // Only the given options: the parser's time grows with the number of options.
  const given = ALL_OPTIONS.filter(({ name, short }) =>
    words.some((word) =>
      word.startsWith(`--${name}`) || word.startsWith(`--no-${name}`) ||
      (short !== undefined && word.startsWith("-"))
    )
  );
  const parsed: Record<string, unknown> = parseArgs(shielded, {
    string: ["_", ...names(given, "value")],
    boolean: names(given, "flag"),
    negatable: NEGATABLE,
    alias: Object.fromEntries(aliases),
    unknown: (word: string, key?: string) => {
      if (key !== undefined) throw unknownOption(word, words);
      return true;
    },
  });
  return parsed as unknown as Parsed;
}

/** A hint at the command that these words may mean. */
function meant(words: readonly string[]): string | undefined {
  const names = COMMANDS.map(({ name }) => name);
  const [first = "", second = ""] = words;
  const close = nearest(`${first} ${second}`.trim(), names) ??
    nearest(first, names);
  return commandMeant(words, COMMANDS) ??
    (close === undefined
      ? undefined
      : `did you mean ${JSON.stringify(close)}?`);
}

function findCommand(words: readonly string[]): {
  command: CommandSpec;
  operands: readonly string[];
} {
  const command = commandAt(words);
  if (command !== undefined) {
    const own = command.name.split(" ").length;
    return { command, operands: words.slice(own) };
  }
  const [first = ""] = words;
  const group = COMMANDS.map(({ name }) => name)
    .filter((name) => name.startsWith(`${first} `));
  if (words.length === 1 && group.length > 0) {
    throw usage(`${first} needs another word`, `commands: ${group.join(", ")}`);
  }
  const said = group.length > 0 ? words.slice(0, 2).join(" ") : first;
  throw usage(
    `Unknown command ${JSON.stringify(said)}`,
    meant(words) ?? hintAt(isGroup(first) ? first : undefined),
  );
}

/**
 * Checks that a command has all its operands and no more.
 *
 * @throws {HotplugError} `usage`
 */
export function checkOperands(
  command: CommandSpec,
  given: readonly string[],
): void {
  const { operands, name } = command;
  if (name === "help") return;
  const needed = operands.filter((one) => !one.startsWith("["));
  const line = `kvm-hotplug ${[name, ...operands].join(" ")}`;
  const missing = needed[given.length];
  if (missing !== undefined) {
    throw usage(`${name} needs ${missing}`, `usage: ${line}`);
  }
  const extra = given[operands.length];
  if (extra === undefined || operands.at(-1)?.endsWith("...]")) return;
  throw usage(
    `Unexpected word ${JSON.stringify(extra)} after ${name}`,
    `usage: ${line}`,
  );
}

function checkOptions(command: CommandSpec | undefined, given: string[]) {
  const known = [...GLOBAL_OPTIONS, ...(command?.options ?? [])]
    .map((option) => option.name);
  for (const name of given) {
    const base = known.includes(name) ? name : name.replace(/^no-/, "");
    if (known.includes(base)) continue;
    throw usage(
      `Option --${name} does not go with ${command?.name ?? "no command"}`,
      hintAt(command?.name),
    );
  }
}

/** `disk --help` is not a whole command, but has help. */
function helped(words: readonly string[]): readonly string[] {
  return words.length === 1 && isGroup(words[0] ?? "")
    ? ["help", ...words]
    : words;
}

/** The `--no-` flags among the words, before any `--`. */
function negated(words: readonly string[]): string[] {
  const options = words.slice(0, endOfOptions(words));
  return NEGATABLE.map((name) => `no-${name}`)
    .filter((name) => options.includes(`--${name}`));
}

/**
 * Parses a command line.
 *
 * @throws {HotplugError} `usage`: an unknown word or option, a missing value
 */
export function parseInvocation(words: readonly string[]): Invocation {
  checkWords(words);
  const parsed = parseWords(words);
  const values = new Map<string, string>();
  for (const name of names(ALL_OPTIONS, "value")) {
    const value = parsed[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || value === "") {
      throw usage(`Option --${name} needs a value`, hintIn(words));
    }
    values.set(name, unshield(value));
  }
  const flags = new Set([
    ...names(ALL_OPTIONS, "flag").filter((name) => parsed[name] === true),
    ...negated(words),
  ]);
  const positional = parsed._.map(unshield);
  const none = positional.length === 0;
  const { command, operands } = none
    ? { command: undefined, operands: [] }
    : findCommand(flags.has("help") ? helped(positional) : positional);
  checkOptions(command, [...values.keys(), ...flags]);
  if (command !== undefined && !flags.has("help")) {
    checkOperands(command, operands);
  }
  return { command, operands, values, flags };
}
