/**
 * The one table of commands: the parser, the usage texts and what else speaks
 * of commands and options are made from it.
 *
 * @module
 */

import { KIND_COMMANDS } from "../kinds.ts";
import { type CommandSpec, DRY_RUN, spec } from "../words/options.ts";

/** All commands, in the order of the usage text. */
export const COMMANDS: readonly CommandSpec[] = [
  ...KIND_COMMANDS,
  {
    name: "adopt",
    operands: ["INSTANCE"],
    summary: "record devices that QEMU has and the runtime file lacks",
    options: [DRY_RUN],
  },
  {
    name: "list",
    operands: ["[INSTANCE]"],
    summary: "instances of this node, or devices of one",
    options: [{
      name: "whole",
      help: "compare each instance as deeply as list INSTANCE does",
    }],
  },
  {
    name: "check",
    operands: ["INSTANCE|SOCKET"],
    summary: "can devices be hotplugged, and if not, why",
    options: [],
  },
  {
    name: "pci",
    operands: ["INSTANCE|SOCKET"],
    summary: "map of buses and slots",
    options: [],
  },
  {
    name: "repair",
    operands: ["INSTANCE"],
    summary: "finish or undo what was interrupted; report drift",
    options: [DRY_RUN],
  },
  {
    name: "state show",
    operands: ["INSTANCE"],
    summary: "the runtime file, as it is and as it is understood",
    options: [
      spec("verify", "compare it with the live QEMU; exit 3 if they differ"),
    ],
  },
  {
    name: "state upgrade",
    operands: ["INSTANCE"],
    summary: "bring a runtime file of an older Ganeti to today's form",
    options: [DRY_RUN],
  },
  {
    name: "state command",
    operands: ["INSTANCE"],
    summary: "the command line that starts an identical QEMU",
    options: [
      spec(
        "incoming URI",
        "where its state comes from, e.g. unix:/run/m.sock; starts a target",
      ),
    ],
  },
  {
    name: "qmp",
    operands: ["INSTANCE|SOCKET", "COMMAND", "[KEY=VALUE|JSON|-|@fd:PATH...]"],
    summary: "send one QMP command, checked against QEMU's schema",
    options: [],
  },
  {
    name: "events",
    operands: ["INSTANCE|SOCKET"],
    summary: "show a VM's events as they come",
    options: [
      {
        name: "until",
        value: "EVENT",
        help: "end after this one, with status 0",
      },
      { name: "for", value: "S", help: "end after this time, in seconds" },
    ],
    output: "stream",
  },
  {
    name: "shell",
    operands: ["INSTANCE|SOCKET"],
    summary: "QMP and these commands typed in, with the VM's events",
    options: [],
    output: "stream",
  },
  {
    name: "rpc",
    operands: [],
    summary: "answer JSON-RPC 2.0 requests on stdin, one a line, until its end",
    options: [],
    output: "stream",
  },
  {
    name: "completion",
    operands: ["bash|zsh|fish|words", "[WORD...]"],
    summary: "script that completes command lines in a shell",
    options: [],
    output: "stream",
  },
  {
    name: "help",
    operands: ["[COMMAND]"],
    summary: "usage of all commands, or of one",
    options: [{ name: "man", help: "the manual page, as roff" }],
  },
];

/** Whether a command's first operand is an instance. */
export function takesInstance(command: CommandSpec | undefined): boolean {
  return /^\[?INSTANCE\b/.test(command?.operands[0] ?? "");
}

/** The command whose words these begin with, undefined if there is none. */
export function commandAt(
  words: readonly string[],
  commands: readonly CommandSpec[] = COMMANDS,
): CommandSpec | undefined {
  return commands.find(({ name }) =>
    name.split(" ").every((part, i) => words[i] === part)
  );
}
