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
  commandSpec("adopt INSTANCE", {
    summary: "record devices that only QEMU has",
    options: [
      spec(
        "uuid UUID",
        "record only the device with this uuid (its id has the beginning)",
      ),
      DRY_RUN,
    ],
    examples: `
# show the devices that would be recorded; change nothing
kvm-hotplug adopt vm1.example.com --dry-run
# make a runtime file for a VM that Ganeti did not start
kvm-hotplug adopt vm1 --qmp /run/vm1.qmp --state /var/lib/vm1.runtime`,
  }),
  commandSpec("list [INSTANCE]", {
    summary: "show the instances, or the devices of one",
    options: [WHOLE],
    document: "list",
    otherNames: [
      "ls",
      "list",
      "disks",
      "nics",
      "status",
      "show",
      "info",
      "dumpxml",
      "domblklist",
      "domiflist",
      "vcpucount",
      "vcpuinfo",
    ],
    examples: `
# show all instances; mark those that need attention
kvm-hotplug list
# show the devices in the runtime file and in QEMU
kvm-hotplug list vm1.example.com
# the same as JSON
kvm-hotplug list vm1.example.com --json | jq '.devices[].status'`,
  }),
  commandSpec("check INSTANCE|SOCKET", {
    summary: "show whether hotplug is possible",
    document: "check",
    otherNames: ["status", "info", "vcpucount", "vcpuinfo", "setmaxmem"],
    examples: `
# status 3 if something is missing
kvm-hotplug check vm1.example.com
# any QEMU, by its QMP socket
kvm-hotplug check /run/vm1.qmp --json`,
  }),
  commandSpec("pci INSTANCE|SOCKET", {
    summary: "show the buses and slots",
    document: "pci",
    examples: `
# show all devices and free slots
kvm-hotplug pci vm1.example.com
# any QEMU, by its QMP socket
kvm-hotplug pci /run/vm1.qmp --json`,
  }),
  commandSpec("repair INSTANCE", {
    summary: "finish an interrupted change, fix differences",
    options: [DRY_RUN],
    document: "repair",
    examples: `
# show leftovers and differences; change nothing
kvm-hotplug repair vm1.example.com --dry-run
# fix them; status 7 if something remains
kvm-hotplug repair vm1.example.com`,
  }),
  commandSpec("state show INSTANCE", {
    summary: "show the runtime file",
    options: [
      spec("verify", "compare it with the live QEMU; exit 3 if they differ"),
    ],
    document: "state_show",
    otherNames: ["show"],
    examples: `
# show the runtime file
kvm-hotplug state show vm1.example.com
# check that the file, QEMU and the links agree
kvm-hotplug state show vm1.example.com --verify`,
  }),
  commandSpec("state upgrade INSTANCE", {
    summary: "convert the runtime file of an older Ganeti",
    options: [DRY_RUN],
    examples: `
# check whether anything would change
kvm-hotplug state upgrade vm1.example.com --dry-run
# convert the file of Ganeti 2.7 or newer to the current form
kvm-hotplug state upgrade vm1.example.com`,
  }),
  commandSpec("state command INSTANCE", {
    summary: "show how to start an identical QEMU",
    options: [
      spec(
        "incoming URI",
        "start as the target of a migration from this URI, e.g. unix:/run/m.sock",
      ),
    ],
    document: "state_command",
    examples: `
# show how to start an identical QEMU
kvm-hotplug state command vm1.example.com
# the target of a live migration
kvm-hotplug state command vm1.example.com --incoming tcp:0:8102 --json`,
  }),
  commandSpec("qmp INSTANCE|SOCKET COMMAND [KEY=VALUE|JSON|-|@fd:PATH...]", {
    summary: "send one QMP command, checked against QEMU's schema",
    document: "qmp",
    examples: `
# any QMP command
kvm-hotplug qmp vm1.example.com query-block
# arguments as words, or as one JSON object
kvm-hotplug qmp vm1.example.com qom-get path=/machine property=type
# a command of the human monitor
kvm-hotplug qmp /run/vm1.qmp human-monitor-command command-line='info qtree'
# pass an open file
kvm-hotplug qmp /run/vm1.qmp getfd fdname=log @fd:/tmp/log`,
  }),
  commandSpec("events INSTANCE|SOCKET", {
    summary: "show the VM's events as they occur",
    options: [
      spec("until EVENT", "end with status 0 when this event occurs"),
      FOR,
    ],
    document: "event",
    output: "stream",
    examples: `
# until Ctrl-C, or until the VM ends
kvm-hotplug events vm1.example.com
# status 4 if the event does not occur within a minute
kvm-hotplug events vm1.example.com --until DEVICE_DELETED --for 60 --json`,
  }),
  commandSpec("shell INSTANCE|SOCKET", {
    summary: "type QMP and kvm-hotplug commands",
    document: "shell",
    output: "stream",
    examples: `
# Tab completes words, help COMMAND explains a command, exit ends the shell
kvm-hotplug shell vm1.example.com
# commands from a program, one JSON document for each
echo 'query-status' | kvm-hotplug shell /run/vm1.qmp --json`,
  }),
  commandSpec("rpc", {
    summary: "answer JSON-RPC 2.0 requests on stdin",
    document: "response",
    output: "stream",
    examples: `
# one request, one answer
echo '{"jsonrpc":"2.0","id":1,"method":"list"}' | kvm-hotplug rpc
# a session from a master
ssh node1 kvm-hotplug rpc --timeout 10`,
  }),
  commandSpec("metrics", {
    summary: "print metrics of the instances for Prometheus",
    options: [
      spec(
        "output FILE",
        "replace this file at once, mode 0644; print only its name",
      ),
      WHOLE,
    ],
    document: "metrics",
    examples: `
# the metrics of all instances, as text
kvm-hotplug metrics
# compare everything, which takes longer
kvm-hotplug metrics --whole
# for the textfile collector of node_exporter
kvm-hotplug metrics --output /var/lib/node_exporter/kvm-hotplug.prom`,
  }),
  commandSpec("schema", {
    summary: "print the JSON Schema of every document",
    options: [
      spec("openrpc", "the OpenRPC document of rpc, with all options"),
    ],
    document: "schema",
    examples: `
# JSON Schema of every document; each command has its own in $defs
kvm-hotplug schema | jq '."$defs".list'
# the methods of rpc, with their options and defaults
kvm-hotplug schema --openrpc`,
  }),
  commandSpec("completion bash|zsh|fish|words [WORD...]", {
    summary: "print the completion script for a shell",
    document: "completion",
    output: "stream",
    examples: `
# in ~/.bashrc (the Debian package installs it)
eval "$(kvm-hotplug completion bash)"
# after compinit in ~/.zshrc
source <(kvm-hotplug completion zsh)
# in config.fish
kvm-hotplug completion fish | source`,
  }),
  commandSpec("help [COMMAND]", {
    summary: "show the usage of all commands, or of one",
    options: [
      spec("man", "print the manual page as roff"),
    ],
    document: "help",
    examples: `
# options and examples of one command
kvm-hotplug help disk add
# all disk commands
kvm-hotplug help disk
# the manual page
kvm-hotplug help --man | man -l -`,
  }),
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
