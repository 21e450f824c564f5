/**
 * Words in: which command, which operands, which options. What the words mean
 * is checked in {@link ./values.ts}.
 *
 * @module
 */

import { type HotplugError, usage } from "../errors.ts";
import { nearest } from "../words/nearest.ts";
import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type Invocation,
  type OptionSpec,
} from "../words/options.ts";
import { commandAt, COMMANDS } from "./commands.ts";

/** Flags that also have a `--no-` form. */
export const NEGATABLE: readonly string[] = ["vhost"];

const ALL_OPTIONS: readonly Omit<OptionSpec, "help">[] = [
  ...GLOBAL_OPTIONS,
  ...COMMANDS.flatMap((command) => command.options),
  ...NEGATABLE.map((name) => ({ name: `no-${name}` })),
];

const HINT = "kvm-hotplug --help shows the usage";

/** `-1` is a device, not an option. */
const NEGATIVE = /^-\d+$/;

function isOption(word: string): boolean {
  return word.length > 1 && word.startsWith("-") && !NEGATIVE.test(word);
}

function unknownOption(word: string): HotplugError {
  const name = word.replace(/^-+/, "").split("=")[0] ?? "";
  const close = nearest(name, ALL_OPTIONS.map((option) => option.name));
  return usage(
    `Unknown option ${word}`,
    close === undefined ? HINT : `did you mean --${close}?`,
  );
}

/** An option as it stands there. */
interface Given extends Pick<OptionSpec, "name" | "value"> {
  /** What stands behind its `=`. */
  readonly text: string | undefined;
}

function longOption(word: string): Given {
  const [name = "", ...rest] = word.slice(2).split("=");
  const option = ALL_OPTIONS.find((one) => one.name === name);
  if (option === undefined) throw unknownOption(word);
  const text = rest.length > 0 ? rest.join("=") : undefined;
  if (text !== undefined && option.value === undefined) {
    throw usage(`Option --${name} takes no value`, HINT);
  }
  return { ...option, text };
}

/** The options of a word: letters may stand together. */
function optionsIn(word: string): Given[] {
  if (word.startsWith("--")) return [longOption(word)];
  return [...word.slice(1)].map((letter) => {
    const option = ALL_OPTIONS.find(({ short }) => short === letter);
    if (option === undefined) throw unknownOption(word);
    return { ...option, text: undefined };
  });
}

/** Tells options and their values from other words. */
function parseWords(words: readonly string[]) {
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const all = words.slice(0, end).map((word) => ({
    word,
    options: isOption(word) ? optionsIn(word) : undefined,
  }));
  const positional: string[] = [];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let one; (one = all.shift()) !== undefined;) {
    if (one.options === undefined) positional.push(one.word);
    for (const { name, value, text } of one.options ?? []) {
      if (value === undefined) flags.add(name);
      else if (text) values.set(name, text);
      else {
        const next = text === undefined ? all[0] : undefined;
        if (next === undefined || next.options !== undefined) {
          throw usage(`Option --${name} needs a value`, HINT);
        }
        values.set(name, next.word);
        all.shift();
      }
    }
  }
  positional.push(...words.slice(end + 1));
  return { positional, values, flags };
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
    throw usage(`${first} needs another word`, `there is ${group.join(", ")}`);
  }
  const said = words.slice(0, 2).join(" ");
  const close = nearest(said, COMMANDS.map((command) => command.name)) ??
    nearest(first, COMMANDS.map((command) => command.name));
  throw usage(
    `Unknown command ${JSON.stringify(said)}`,
    close === undefined ? HINT : `did you mean ${JSON.stringify(close)}?`,
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
      HINT,
    );
  }
}

/** `disk --help` is not the whole of a command, and helped all the same. */
function helped(words: readonly string[]): readonly string[] {
  const isGroup = words.length === 1 &&
    COMMANDS.some(({ name }) => name.startsWith(`${words[0]} `));
  return isGroup ? ["help", ...words] : words;
}

/**
 * Takes a command line apart.
 *
 * @throws {HotplugError} `usage`: an unknown word or option, a value missing
 */
export function parseInvocation(words: readonly string[]): Invocation {
  const { positional, values, flags } = parseWords(words);
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
