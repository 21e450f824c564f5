/**
 * The one table of commands: the parser, the usage texts and all other code
 * about commands and options use it.
 *
 * @module
 */

import { KIND_COMMANDS } from "../kinds.ts";
import { isInstanceName } from "../state/instance.ts";
import {
  type AmountOption,
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  type Invocation,
  secondsOption,
  spec,
} from "../words/options.ts";

/** Time for following events. */
export const FOR: AmountOption = secondsOption(
  0,
  "for S",
  "end after this many seconds",
);

/** For questions about all instances. */
const WHOLE = spec("whole", "compare everything, as list INSTANCE does");

/** All commands, in the order of the usage text. */
export const COMMANDS: readonly CommandSpec[] = [
  ...KIND_COMMANDS,
  commandSpec(
    "adopt INSTANCE",
    "record devices that only QEMU has",
    [
      spec(
        "uuid UUID",
        "record only the device with this uuid (its id has the beginning)",
      ),
      DRY_RUN,
    ],
  ),
  {
    ...commandSpec(
      "list [INSTANCE]",
      "show the instances, or the devices of one",
      [WHOLE],
    ),
    document: "list",
  },
  {
    ...commandSpec(
      "check INSTANCE|SOCKET",
      "show whether hotplug is possible",
    ),
    document: "check",
  },
  {
    ...commandSpec("pci INSTANCE|SOCKET", "show the buses and slots"),
    document: "pci",
  },
  {
    ...commandSpec(
      "repair INSTANCE",
      "finish an interrupted change, fix differences",
      [DRY_RUN],
    ),
    document: "repair",
  },
  {
    ...commandSpec(
      "state show INSTANCE",
      "show the runtime file",
      [
        spec("verify", "compare it with the live QEMU; exit 3 if they differ"),
      ],
    ),
    document: "state_show",
  },
  commandSpec(
    "state upgrade INSTANCE",
    "convert the runtime file of an older Ganeti",
    [DRY_RUN],
  ),
  {
    ...commandSpec(
      "state command INSTANCE",
      "show how to start an identical QEMU",
      [
        spec(
          "incoming URI",
          "start as the target of a migration from this URI, e.g. unix:/run/m.sock",
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
      "show the VM's events as they occur",
      [
        spec("until EVENT", "end with status 0 when this event occurs"),
        FOR,
      ],
    ),
    document: "event",
    output: "stream",
  },
  {
    ...commandSpec(
      "shell INSTANCE|SOCKET",
      "type QMP and kvm-hotplug commands",
    ),
    document: "shell",
    output: "stream",
  },
  {
    ...commandSpec(
      "rpc",
      "answer JSON-RPC 2.0 requests on stdin",
    ),
    document: "response",
    output: "stream",
  },
  {
    ...commandSpec(
      "metrics",
      "print metrics of the instances for Prometheus",
      [
        spec(
          "output FILE",
          "replace this file at once, mode 0644; print only its name",
        ),
        WHOLE,
      ],
    ),
    document: "metrics",
  },
  {
    ...commandSpec("schema", "print the JSON Schema of every document", [
      spec("openrpc", "the OpenRPC document of rpc, with all options"),
    ]),
    document: "schema",
  },
  {
    ...commandSpec(
      "completion bash|zsh|fish|words [WORD...]",
      "print the completion script for a shell",
    ),
    document: "completion",
    output: "stream",
  },
  {
    ...commandSpec(
      "help [COMMAND]",
      "show the usage of all commands, or of one",
      [
        spec("man", "print the manual page as roff"),
      ],
    ),
    document: "help",
  },
];

/** Whether a command's first operand is an instance. */
export function takesInstance(command: CommandSpec | undefined): boolean {
  return /^\[?INSTANCE\b/.test(command?.operands[0] ?? "");
}

/** The instance that a whole command line names, as typed. */
export function instanceGiven(
  { command, operands }: Pick<Invocation, "command" | "operands">,
): string | undefined {
  return takesInstance(command) ? operands[0] : undefined;
}

/**
 * The instance of a command line that cannot be parsed: the word right after
 * the command. A later word may be the value of an option.
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

/** The command with these words, undefined if there is none. */
export function commandAt(
  words: readonly string[],
  commands: readonly CommandSpec[] = COMMANDS,
): CommandSpec | undefined {
  return commands.find(({ name }) =>
    name.split(" ").every((part, i) => words[i] === part)
  );
}
