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
    `kvm-hotplug help ${commands[0]?.name} shows the options and examples`,
  ].join("\n");
}

/** Usage of the whole program. */
export function usageText(): string {
  const commands = COMMANDS.map(commandRow);
  return [
    "kvm-hotplug: add and remove disks and network cards of running QEMU/KVM VMs",
    "",
    "Usage: kvm-hotplug COMMAND [options]",
    "",
    ...definitions(commands, COMMAND_WIDTH),
    "",
    "Options of every command (kvm-hotplug help COMMAND shows the others):",
    ...definitions(GLOBAL_OPTIONS.map(optionRow), OPTION_WIDTH),
    "",
    "INSTANCE is a name, or the first part of a name: vm1 for vm1.example.com.",
    "DISK and NIC select a device by index (-1: the last), by uuid or at least 8",
    "characters of it, by device id, by name, by path or URI (disk), or by MAC (NIC).",
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
