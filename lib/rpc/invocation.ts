/**
 * Turns the parameters of a method into the invocation of a command line:
 * operands and long options are its keys, by the table of commands, spelled
 * with `_` or `-`.
 *
 * @module
 */

import type { Answer, Call } from "../commands/answer.ts";
import { checkOperands, NEGATABLE } from "../commands/args.ts";
import { COMMANDS } from "../commands/commands.ts";
import { dotted } from "../words/options.ts";
import { usage } from "../errors.ts";
import { formatJson, type JsonNode, type JsonObject } from "../state/json.ts";
import { nearest } from "../words/nearest.ts";
import { optionMeant } from "../words/other_words.ts";
import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type Invocation,
  type OptionSpec,
} from "../words/options.ts";
import { wrongValue } from "./ganeti_object.ts";

/** Options of every command that may differ for each request. */
const PER_REQUEST = [
  "run-dir",
  "qmp",
  "state",
  "timeout",
  "unplug-timeout",
  "lock-timeout",
  "log",
];

/** Flags of the program's own command line that also apply to its requests. */
const INHERITED_FLAGS = ["verbose"];

/** Options of every method. */
export const REQUEST_OPTIONS: readonly OptionSpec[] = GLOBAL_OPTIONS
  .filter(({ name }) => PER_REQUEST.includes(name));

/** Whether a command is a method. */
export function isMethod({ output }: CommandSpec): boolean {
  return output !== "stream";
}

/** The command of a method, undefined if there is none. */
export function commandOfMethod(method: string): CommandSpec | undefined {
  return COMMANDS.find((one) => isMethod(one) && dotted(one) === method);
}

/** Whether an operand takes any number of words, or one JSON object. */
export function isRest(operand: string): boolean {
  return operand.includes("...");
}

/** The key of an operand: `[INSTANCE]` is `instance`. */
export function keyOf(operand: string): string {
  if (isRest(operand)) return "arguments";
  return operand.replaceAll(/[[\]]|\|.*/g, "").toLowerCase();
}

function wrongType(key: string, accepted: string, node: JsonNode) {
  const said = JSON.stringify(key.replaceAll("-", "_"));
  return wrongValue(`Key ${said}`, accepted, node);
}

/** A word of a command line; a number keeps its text. */
function wordOf(key: string, node: JsonNode): string {
  if (node.type === "number") return node.text;
  if (node.type === "string" && node.value !== "") return node.value;
  throw wrongType(key, "a text or a number", node);
}

/** The words for an operand's key. */
function wordsOf(operand: string, key: string, node: JsonNode): string[] {
  if (!isRest(operand)) return [wordOf(key, node)];
  if (node.type === "object") return [formatJson(node)];
  if (node.type === "array") return node.items.map((one) => wordOf(key, one));
  throw wrongType(key, "an object or a list of words", node);
}

/** Whether a flag is set; false means that it is absent. */
function isSet(key: string, node: JsonNode): boolean {
  if (node.type === "boolean") return node.value;
  throw wrongType(key, "true or false", node);
}

/** The word of a command line for a key, which may be spelled with `_`. */
function wordOfKey(key: string): string {
  return key.replaceAll("_", "-");
}

/**
 * Members by their normal spelling.
 *
 * @param nullable keys of Ganeti that may be null
 * @throws {HotplugError} `usage`
 */
function spelled(
  { members }: JsonObject,
  nullable: readonly string[] = [],
): JsonObject["members"] {
  const seen = new Set<string>();
  return members.map((one) => {
    const key = wordOfKey(one.key);
    const said = `Key ${JSON.stringify(one.key)}`;
    if (seen.has(key)) throw usage(`${said} is given twice`);
    if (one.value.type === "null" && !nullable.includes(key)) {
      throw usage(`${said} must not be null`, "omit the key");
    }
    seen.add(key);
    return { ...one, key };
  });
}

function unknownKey(word: string, method: string, words: readonly string[]) {
  const [key = "", ...known] = [word, ...words]
    .map((one) => one.replaceAll("-", "_"));
  const close = optionMeant(key) ?? nearest(key, known);
  return usage(
    `Unknown key ${JSON.stringify(key)} of ${method}`,
    close === undefined
      ? `its keys are ${known.join(", ")}`
      : `did you mean ${JSON.stringify(close)}?`,
  );
}

/** The options among the keys, on top of the options of the program. */
class Options {
  readonly values: Map<string, string>;
  readonly flags: Set<string>;

  constructor(base: Invocation) {
    this.values = new Map(
      [...base.values].filter(([name]) => PER_REQUEST.includes(name)),
    );
    this.flags = new Set(
      INHERITED_FLAGS.filter((name) => base.flags.has(name)),
    );
  }

  /** Takes a key if it is one of these options. */
  take(specs: readonly OptionSpec[], key: string, node: JsonNode): boolean {
    const spec = specs.find(({ name }) => name === key);
    const negative = NEGATABLE.some((name) =>
      key === `no-${name}` && specs.some((one) => one.name === name)
    );
    if (spec === undefined && !negative) return false;
    if (spec?.json !== undefined && node.type === "object") {
      this.values.set(key, formatJson(node));
    } else if (spec?.value !== undefined) {
      this.values.set(key, wordOf(key, node));
    } else if (isSet(key, node)) this.flags.add(key);
    return true;
  }
}

/**
 * The invocation of one request.
 *
 * @param base the program's own invocation; its options apply unless the
 * request has others
 * @throws {HotplugError} `usage`
 */
export function invocationOf(
  command: CommandSpec,
  params: JsonObject,
  base: Invocation,
): Invocation {
  const specs = [...command.options, ...REQUEST_OPTIONS];
  const keys = command.operands.map(keyOf);
  const words = new Map<string, readonly string[]>();
  const options = new Options(base);
  for (const { key, value } of spelled(params)) {
    const operand = command.operands[keys.indexOf(key)];
    if (operand !== undefined) words.set(key, wordsOf(operand, key, value));
    else if (!options.take(specs, key, value)) {
      const known = [...keys, ...specs.map(({ name }) => name)];
      throw unknownKey(key, dotted(command), known);
    }
  }
  const given = keys.map((key) => words.get(key) ?? []);
  const end = given.findIndex((one) => one.length === 0);
  const isNeeded = command.operands[end]?.startsWith("[") === false ||
    (end >= 0 && given.slice(end).some((one) => one.length > 0));
  if (isNeeded) {
    throw usage(
      `${dotted(command)} needs the key ${JSON.stringify(keys[end])}`,
    );
  }
  const operands = given.flat();
  checkOperands(command, operands);
  return { command, operands, values: options.values, flags: options.flags };
}

/** Ganeti's own parameters that may be null: SPEC 5.3. */
const NULLABLE = ["extra"];

/**
 * The options of a request with Ganeti's other parameters.
 *
 * @param own the keys that are not options
 * @throws {HotplugError} `usage`
 */
export function ganetiKeys(
  { method, own, params, base }: {
    readonly method: string;
    readonly own: readonly string[];
    readonly params: JsonObject;
    readonly base: Invocation;
  },
): { options: Pick<Invocation, "values" | "flags">; params: JsonObject } {
  const options = new Options(base);
  const members = spelled(params, NULLABLE).flatMap((one) => {
    const { key, value } = one;
    const mine = own.find((name) => wordOfKey(name) === key);
    if (mine !== undefined) return [{ ...one, key: mine }];
    if (options.take(REQUEST_OPTIONS, key, value)) return [];
    const known = [...own, ...REQUEST_OPTIONS.map(({ name }) => name)];
    throw unknownKey(key, method, known);
  });
  return { options, params: { type: "object", members } };
}

/** A request that can be carried out. */
export interface Job {
  /** Its words in the form of a command line. */
  readonly invocation: Invocation;
  /** The instance, undefined if there is none. */
  readonly instance: string | undefined;
  /** Its handler. @default the handler of its command */
  readonly act?: (call: Call) => Promise<Answer>;
}
