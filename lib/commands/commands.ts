/**
 * The one table of commands: the parser, the usage texts and what else speaks
 * of commands and options are made from it.
 *
 * @module
 */

import { KIND_COMMANDS } from "../kinds.ts";
import { isInstanceName } from "../state/instance.ts";
import {
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  type Invocation,
  spec,
} from "../words/options.ts";

/** All commands, in the order of the usage text. */
export const COMMANDS: readonly CommandSpec[] = [
  ...KIND_COMMANDS,
  commandSpec(
    "adopt INSTANCE",
    "record devices that QEMU has and the runtime file lacks",
    [
      spec("uuid UUID", "only the device whose id begins so; this is its uuid"),
      DRY_RUN,
    ],
  ),
  {
    ...commandSpec(
      "list [INSTANCE]",
      "instances of this node, or devices of one",
      [
        spec("whole", "compare each instance as deeply as list INSTANCE does"),
      ],
    ),
    document: "list",
  },
  {
    ...commandSpec(
      "check INSTANCE|SOCKET",
      "can devices be hotplugged, and if not, why",
    ),
    document: "check",
  },
  {
    ...commandSpec("pci INSTANCE|SOCKET", "map of buses and slots"),
    document: "pci",
  },
  {
    ...commandSpec(
      "repair INSTANCE",
      "finish or undo what was interrupted; report drift",
      [DRY_RUN],
    ),
    document: "repair",
  },
  {
    ...commandSpec(
      "state show INSTANCE",
      "the runtime file, as it is and as it is understood",
      [
        spec("verify", "compare it with the live QEMU; exit 3 if they differ"),
      ],
    ),
    document: "state_show",
  },
  commandSpec(
    "state upgrade INSTANCE",
    "bring a runtime file of an older Ganeti to today's form",
    [DRY_RUN],
  ),
  {
    ...commandSpec(
      "state command INSTANCE",
      "the command line that starts an identical QEMU",
      [
        spec(
          "incoming URI",
          "where its state comes from, e.g. unix:/run/m.sock; starts a target",
        ),
      ],
    ),
    document: "state_command",
  },
  {
    ...commandSpec(
      "qmp INSTANCE|SOCKET COMMAND [KEY=VALUE|JSON|-|@fd:PATH...]",
      "send one QMP command, checked against QEMU's schema",
    ),
    document: "qmp",
  },
  {
    ...commandSpec(
      "events INSTANCE|SOCKET",
      "show a VM's events as they come",
      [
        spec("until EVENT", "end after this one, with status 0"),
        spec("for S", "end after this time, in seconds"),
      ],
    ),
    document: "event",
    output: "stream",
  },
  {
    ...commandSpec(
      "shell INSTANCE|SOCKET",
      "QMP and these commands typed in, with the VM's events",
    ),
    document: "shell",
    output: "stream",
  },
  {
    ...commandSpec(
      "rpc",
      "answer JSON-RPC 2.0 requests on stdin, one a line, until its end",
    ),
    document: "response",
    output: "stream",
  },
  {
    ...commandSpec("schema", "JSON Schema of every document, for programs", [
      spec("openrpc", "the OpenRPC document of rpc, with all options"),
    ]),
    document: "schema",
  },
  {
    ...commandSpec(
      "completion bash|zsh|fish|words [WORD...]",
      "script that completes command lines in a shell",
    ),
    document: "completion",
    output: "stream",
  },
  {
    ...commandSpec("help [COMMAND]", "usage of all commands, or of one", [
      spec("man", "the manual page, as roff"),
    ]),
    document: "help",
  },
];

/** Whether a command's first operand is an instance. */
export function takesInstance(command: CommandSpec | undefined): boolean {
  return /^\[?INSTANCE\b/.test(command?.operands[0] ?? "");
}

/** The instance that a whole command line names, as it was given. */
export function instanceGiven(
  { command, operands }: Pick<Invocation, "command" | "operands">,
): string | undefined {
  return takesInstance(command) ? operands[0] : undefined;
}

/**
 * The instance of a command line that cannot be parsed: what stands right after
 * the command. Further on it may be the value of an option.
 */
export function instanceAmong(words: readonly string[]): string | undefined {
  for (let at = 0; at < words.length; at++) {
    const command = commandAt(words.slice(at));
    if (command === undefined) continue;
    const word = words[at + command.name.split(" ").length] ?? "";
    return takesInstance(command) && isInstanceName(word) ? word : undefined;
  }
  return undefined;
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
