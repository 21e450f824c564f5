/**
 * The shell's `help`: on our commands, and from QEMU's schema.
 *
 * @module
 */

import { type HotplugError, unsupported } from "../errors.ts";
import type { Schema } from "../qmp/schema.ts";
import { commandHelp, type HelpRow } from "../qmp/schema_help.ts";
import { didYouMean } from "../words/nearest.ts";
import { commandMeant } from "../words/other_words.ts";
import { helpOn } from "../commands/help.ts";
import { commandRow } from "../commands/usage.ts";
import { isOwn, ownCommands } from "./line.ts";
import { definitions, table } from "../words/text.ts";

/** Columns of the terms. */
const TERM_WIDTH = 27;
const MAX_TERM_WIDTH = 40;

function overview(): string {
  const rows = ownCommands().map((one) => commandRow(one, "shell"));
  return [
    "Commands for this VM (without the instance's name):",
    ...definitions(rows, TERM_WIDTH),
    "QMP commands, with arguments as KEY=VALUE words or one JSON object:",
    "  query-status",
    "  set_link name=nic-003fc157-66a8-4e6d up=false",
    "help COMMAND explains a command; Tab completes words; exit ends the shell.",
  ].join("\n");
}

function said(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const [key = "", ...value] = word.split("=");
      return [key, value.join("=")];
    }),
  );
}

function argumentLines(rows: readonly HelpRow[]): string[] {
  const terms = table(rows.map(([name, needed]) => [`  ${name}`, needed]));
  const width = Math.max(...terms.map((term) => term.length)) + 2;
  return definitions(
    rows.map(([, , type], i) => [terms[i] ?? "", type] as const),
    Math.min(width, MAX_TERM_WIDTH),
  );
}

/** Human monitor commands that show something are named "info". */
function infoHint([, topic]: readonly string[], schema: Schema): string {
  if (topic === undefined) return "to list the devices, type: list";
  const query = `query-${topic}`;
  const own = schema.commands.includes(query) ? `${query}, or: ` : "";
  return `type: ${own}human-monitor-command command-line="info ${topic}"`;
}

/** The refusal of an unknown command, with the next step. */
export function unknownCommand(
  words: readonly string[],
  schema: Schema,
): HotplugError {
  const [first = ""] = words;
  const names = ["help", "exit", ...ownCommands().map(({ name }) => name)];
  return unsupported(
    `This QEMU has no command ${JSON.stringify(first)}`,
    first === "info"
      ? infoHint(words, schema)
      : commandMeant(words, ownCommands()) ??
        didYouMean(first, [...names, ...schema.commands]) ??
        "help shows the commands",
  );
}

function qmpHelp(
  command: string,
  words: readonly string[],
  schema: Schema,
): string {
  const help = commandHelp(schema, command, said(words));
  if (help === undefined) throw unknownCommand([command, ...words], schema);
  const { rows, tag, returns } = help;
  return [
    `${command} returns: ${returns}`,
    ...(rows.length === 0 ? ["  no arguments"] : argumentLines(rows)),
    ...(tag === undefined ? [] : [
      `  more by ${tag}: help ${command} ${tag}=…`,
    ]),
  ].join("\n");
}

/**
 * Help on the commands that the words name, or on the shell.
 *
 * @throws {HotplugError} `unsupported` if there is no such command
 */
export function helpText(
  words: readonly string[],
  schema: Schema | undefined,
): string {
  const [first] = words;
  if (first === undefined) return overview();
  if (isOwn(words)) return helpOn(words.join(" "), ownCommands(), "shell");
  if (schema === undefined) throw unsupported(`No help on ${first}`);
  return qmpHelp(first, words.slice(1), schema);
}
