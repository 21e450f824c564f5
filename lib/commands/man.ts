/**
 * The manual page, made from the table of commands: roff with the man macros
 * of groff_man(7).
 *
 * @module
 */

import { KIND_OPERANDS } from "../kinds.ts";
import { SUMMARY, VERSION } from "../version.ts";
import {
  type CommandSpec,
  examplesOf,
  GLOBAL_OPTIONS,
  type OptionSpec,
} from "../words/options.ts";
import { COMMANDS } from "./commands.ts";
import { STATUSES } from "./usage.ts";

/** Escapes a text, so that roff takes no part of it as a request. */
function escape(text: string): string {
  const plain = text.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq");
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}

function bold(text: string): string {
  return `\\fB${escape(text)}\\fR`;
}

function italic(text: string): string {
  return `\\fI${escape(text)}\\fR`;
}

/** Metavariables are italic, words of the program are bold. */
function operandText(operand: string): string {
  const optional = /^\[(.*)\]$/.exec(operand);
  const inner = optional?.[1] ?? operand;
  const text = /^[a-z|]+$/.test(inner) ? bold(inner) : italic(inner);
  return optional === null ? text : `[${text}]`;
}

function optionLines(option: OptionSpec): string[] {
  const { name, value, short, help } = option;
  const long = bold(`--${name}`) +
    (value === undefined ? "" : ` ${italic(value)}`);
  const both = short === undefined ? long : `${bold(`-${short}`)}, ${long}`;
  const fallback = option.default === undefined
    ? ""
    : ` Default: ${option.default}.`;
  return [".TP", both, escape(`${help}.${fallback}`)];
}

function sentence(text: string): string {
  const begun = text.slice(0, 1).toUpperCase() + text.slice(1);
  return begun.endsWith(".") ? begun : `${begun}.`;
}

function commandLines(command: CommandSpec): string[] {
  const { name, operands, options, summary } = command;
  const line = [
    bold(`kvm-hotplug ${name}`),
    ...operands.map(operandText),
    ...(options.length > 0 ? [`[${italic("options")}]`] : []),
  ].join(" ");
  return [
    `.SS ${escape(name)}`,
    line,
    ".PP",
    escape(sentence(summary)),
    ...options.flatMap(optionLines),
    ".PP",
    "Examples:",
    ".PP",
    // Near the left margin: command lines are long.
    ".in 3n",
    ".nf",
    ...examplesOf(command).map(escape),
    ".fi",
    ".in",
  ];
}

const FILES_OF = [
  ["kvm-hypervisor/ctrl/NAME.qmp", "The QMP socket of the instance NAME."],
  [
    "kvm-hypervisor/conf/NAME.runtime",
    "The runtime file. A migration starts an identical VM from it.",
  ],
  [
    "kvm-hypervisor/nic/NAME/SEQ",
    "The name of the tap of NIC number SEQ.",
  ],
  [
    "kvm-hotplug/NAME.lock, .journal, .json",
    "The tool's own files: the lock, the journal of the change in progress, and the data that has no place in the runtime file.",
  ],
] as const;

const DESCRIPTION = [
  "kvm-hotplug adds devices to running VMs, changes them, and removes them.",
  "It runs as root on the node of the VM.",
  "It speaks QMP with QEMU and passes disks and taps as file descriptors.",
  "It records every change in the runtime file of Ganeti's KVM hypervisor.",
  "Each operation is planned first, and undone if a step fails.",
  "If kvm-hotplug is killed, its next call finishes or undoes the operation.",
];

const OPERANDS = [
  "INSTANCE is the name of an instance, or its first part, up to a dot.",
  "For check, pci, qmp, events and shell, INSTANCE may also be the path of a QMP socket.",
  ...KIND_OPERANDS,
];

/** The manual page as roff. */
export function manPage(): string {
  return [
    `.TH KVM\\-HOTPLUG 8 "" "kvm\\-hotplug ${VERSION}" "System Administration"`,
    ".SH NAME",
    `kvm\\-hotplug \\- ${escape(SUMMARY)}`,
    ".SH SYNOPSIS",
    `${bold("kvm-hotplug")} ${italic("command")} [${italic("options")}]`,
    ".SH DESCRIPTION",
    ...DESCRIPTION.map(escape),
    ".PP",
    ...OPERANDS.map(escape),
    ".SH COMMANDS",
    ...COMMANDS.flatMap(commandLines),
    ".SH OPTIONS OF EVERY COMMAND",
    ...GLOBAL_OPTIONS.flatMap(optionLines),
    ".SH EXIT STATUS",
    ...STATUSES.flatMap(([status, meaning]) => [
      ".TP",
      bold(status),
      escape(sentence(meaning)),
    ]),
    ".SH FILES",
    escape(
      "These files are below the run directory, by default /var/run/ganeti.",
    ),
    ...FILES_OF.flatMap(([path, what]) => [".TP", italic(path), escape(what)]),
    ".SH ENVIRONMENT",
    ".TP",
    bold("KVM_HOTPLUG_RUN_DIR"),
    escape("The run directory, unless --run-dir names one."),
    ".TP",
    `${bold("GANETI_ROOTDIR")}, ${bold("GANETI_HOSTNAME")}`,
    escape(
      "The root directory and the node name in a virtual cluster of Ganeti.",
    ),
    ".TP",
    bold("COLUMNS"),
    escape(
      "The width of the text, if neither stdout nor stderr is a terminal.",
    ),
    ".TP",
    bold("NO_COLOR"),
    escape("If set, the output has no colour."),
    ".TP",
    bold("XDG_STATE_HOME"),
    escape(
      "The folder of kvm-hotplug/shell_history, the history of the shell, if not $HOME/.local/state.",
    ),
    ".TP",
    `${bold("SSH_CONNECTION")}, ${bold("SUDO_USER")}`,
    escape("Noted by --log as the caller of a change."),
    ".SH SEE ALSO",
    ".BR qemu (1),",
    ".BR gnt\\-instance (8)",
    "",
  ].join("\n");
}
