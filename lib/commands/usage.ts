/**
 * Usage texts, made from the table of commands.
 *
 * @module
 */

import {
  type CommandSpec,
  examplesOf,
  GLOBAL_OPTIONS,
  type OptionSpec,
} from "../words/options.ts";
import { KIND_OPERANDS } from "../kinds.ts";
import { SUMMARY } from "../version.ts";
import { definitions, table, wrap } from "../words/text.ts";
import { COMMANDS } from "./commands.ts";

/** Columns of the terms. */
const COMMAND_WIDTH = 32;
const OPTION_WIDTH = 22;

function optionRow(option: OptionSpec): readonly [string, string] {
  const { name, value, short, help } = option;
  const word = value === undefined ? `--${name}` : `--${name} ${value}`;
  const left = short === undefined ? word : `-${short}, ${word}`;
  const shown = option.default === undefined
    ? help
    : `${help} [${option.default}]`;
  return [`  ${left}`, shown];
}

/**
 * The place where a command is typed: a shell knows the program and the
 * instance.
 */
export type Place = "command line" | "shell";

function wordsOf({ name, operands }: CommandSpec, place: Place): string[] {
  return [name, ...operands.slice(place === "shell" ? 1 : 0)];
}

function commandLine(command: CommandSpec, place: Place): string {
  const { options } = command;
  const words = [...programIn(place), ...wordsOf(command, place)];
  return [...words, ...(options.length > 0 ? ["[options]"] : [])].join(" ");
}

function programIn(place: Place): string[] {
  return place === "shell" ? [] : ["kvm-hotplug"];
}

/**
 * The next action of the caller, by exit status: INTERFACE, "Exit statuses".
 */
export const STATUSES: readonly (readonly [string, string])[] = [
  ["0", "done, or nothing to do"],
  ["1", "a fault in kvm-hotplug: please report it"],
  ["2", "the command line is not valid; nothing was changed"],
  ["3", "refused before anything was changed"],
  ["4", "the VM did not answer; nothing was changed"],
  [
    "5",
    "failed and undone; nothing is changed (qmp: QEMU refused the command)",
  ],
  ["6", "the guest has not released the device, or refused to release it"],
  ["7", "not completely done or undone: run repair"],
];

/** A command in a table of them. */
export function commandRow(command: CommandSpec, place: Place) {
  return [`  ${wordsOf(command, place).join(" ")}`, command.summary] as const;
}

/** The commands that begin with the same word. */
export function groupUsage(
  word: string,
  commands: readonly CommandSpec[],
  place: Place,
): string {
  const program = programIn(place);
  const rows = commands.map((one) => commandRow(one, place));
  const help = [...program, "help", commands[0]?.name].join(" ");
  return [
    `Usage: ${[...program, word].join(" ")} COMMAND [options]`,
    "",
    ...definitions(rows, COMMAND_WIDTH),
    "",
    `${help} shows the options and examples`,
  ].join("\n");
}

/** Of the texts that are not tables, in columns. */
const WIDTH = 80;

/** Usage of the whole program. */
export function usageText(): string {
  const commands = COMMANDS.map((one) => commandRow(one, "command line"));
  return [
    `kvm-hotplug: ${SUMMARY}`,
    "",
    "Usage: kvm-hotplug COMMAND [options]",
    "",
    ...definitions(commands, COMMAND_WIDTH),
    "",
    "Options of every command (kvm-hotplug help COMMAND shows the others):",
    ...definitions(GLOBAL_OPTIONS.map(optionRow), OPTION_WIDTH),
    "",
    "INSTANCE is a name, or the first part of a name: vm1 for vm1.example.com.",
    ...KIND_OPERANDS.flatMap((one) => wrap(one, WIDTH)),
    "",
    "Exit status:",
    ...table(STATUSES.map(([status, meaning]) => [`  ${status}`, meaning])),
  ].join("\n");
}

/** Usage of one command. */
export function commandUsage(command: CommandSpec, place: Place): string {
  return [
    `Usage: ${commandLine(command, place)}`,
    "",
    `  ${command.summary}`,
    "",
    ...(command.options.length > 0
      ? [
        "Options:",
        ...definitions(command.options.map(optionRow), OPTION_WIDTH),
        "",
      ]
      : []),
    "Options of every command: kvm-hotplug --help",
    "",
    place === "shell" ? "Examples on the command line:" : "Examples:",
    ...examplesOf(command).map((line) => `  ${line}`),
  ].join("\n");
}
