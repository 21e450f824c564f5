/**
 * Usage texts, made from the table of commands.
 *
 * @module
 */

import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type OptionSpec,
} from "../words/options.ts";
import { definitions, table } from "../words/text.ts";
import { COMMANDS } from "./commands.ts";
import { examplesOf } from "./examples.ts";

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

function commandLine({ name, operands, options }: CommandSpec): string {
  const words = ["kvm-hotplug", name, ...operands];
  return [...words, ...(options.length > 0 ? ["[options]"] : [])].join(" ");
}

/** What the caller should do next, by exit status: INTERFACE, "Exit statuses". */
export const STATUSES: readonly (readonly [string, string])[] = [
  ["0", "done, or already so"],
  ["1", "a fault of the tool: report it"],
  ["2", "the command line is not valid; nothing was looked at"],
  ["3", "refused before anything was changed"],
  ["4", "the VM could not be asked; nothing was changed"],
  [
    "5",
    "failed and undone: all is as before; of qmp: QEMU refused the command",
  ],
  ["6", "the guest has not released the device, or refused to"],
  ["7", "something is left over: run repair"],
];

function commandRow({ name, operands, summary }: CommandSpec) {
  return [`  ${[name, ...operands].join(" ")}`, summary] as const;
}

/** The commands that begin with the same word. */
export function groupUsage(
  word: string,
  commands: readonly CommandSpec[],
): string {
  return [
    `Usage: kvm-hotplug ${word} COMMAND [options]`,
    "",
    ...definitions(commands.map(commandRow), COMMAND_WIDTH),
    "",
    `kvm-hotplug help ${commands[0]?.name} shows options and examples`,
  ].join("\n");
}

/** Usage of the whole program. */
export function usageText(): string {
  const commands = COMMANDS.map(commandRow);
  return [
    "kvm-hotplug: disks and network cards into and out of running QEMU/KVM VMs",
    "",
    "Usage: kvm-hotplug COMMAND [options]",
    "",
    ...definitions(commands, COMMAND_WIDTH),
    "",
    "Options of every command (kvm-hotplug help COMMAND shows its own):",
    ...definitions(GLOBAL_OPTIONS.map(optionRow), OPTION_WIDTH),
    "",
    "INSTANCE is a whole name, or the first part of one: vm1 for vm1.example.com.",
    "A DISK or NIC is an index (-1: the last), a uuid or 8 or more characters of",
    "it, a device id, or a name; a DISK also its path or URI, a NIC its MAC.",
    "",
    "Exit status:",
    ...table(STATUSES.map(([status, meaning]) => [`  ${status}`, meaning])),
  ].join("\n");
}

/** Usage of one command. */
export function commandUsage(command: CommandSpec): string {
  return [
    `Usage: ${commandLine(command)}`,
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
    "Examples:",
    ...examplesOf(command.name).map((line) => `  ${line}`),
  ].join("\n");
}
