/**
 * Entries of the table of commands that are about QMP, other programs and the
 * tool itself.
 *
 * @module
 */

import type { CommandSpec } from "../commands/commands.ts";

/** In the order of the usage text. */
export const TOOL_COMMANDS: readonly CommandSpec[] = [
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
