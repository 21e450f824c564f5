/**
 * The manual page, made from the table of commands: roff with the man macros
 * of groff_man(7).
 *
 * @module
 */

import { VERSION } from "../version.ts";
import {
  type CommandSpec,
  GLOBAL_OPTIONS,
  type OptionSpec,
} from "../words/options.ts";
import { COMMANDS } from "./commands.ts";
import { examplesOf } from "./examples.ts";
import { STATUSES } from "./usage.ts";

/** Text that roff takes for text, whatever it begins with. */
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

/** Metavariables lean, words of the program are fat. */
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
    // To the left: command lines are long.
    ".in 3n",
    ".nf",
    ...examplesOf(name).map(escape),
    ".fi",
    ".in",
  ];
}

const FILES_OF = [
  ["kvm-hypervisor/ctrl/NAME.qmp", "The QMP socket of the instance NAME."],
  [
    "kvm-hypervisor/conf/NAME.runtime",
    "The runtime file, from which a migration starts an identical VM.",
  ],
  [
    "kvm-hypervisor/nic/NAME/SEQ",
    "The name of the tap of NIC number SEQ.",
  ],
  [
    "kvm-hotplug/NAME.lock, .journal, .json",
    "The tool's own files: who works on the instance, what a killed call had begun, and what the runtime file cannot hold.",
  ],
] as const;

/** The manual page as roff. */
export function manPage(): string {
  return [
    `.TH KVM\\-HOTPLUG 8 "" "kvm\\-hotplug ${VERSION}" "System Administration"`,
    ".SH NAME",
    "kvm\\-hotplug \\- disks and network cards into and out of running QEMU/KVM VMs",
    ".SH SYNOPSIS",
    `${bold("kvm-hotplug")} ${italic("command")} [${italic("options")}]`,
    ".SH DESCRIPTION",
    escape(
      "Runs as root on the node of the VM, speaks QMP with its QEMU, hands disks and taps over as file descriptors, and records every change in the runtime file of Ganeti's KVM hypervisor. Each operation is planned first, undone if a step fails, and finished or undone by the next call if it was killed.",
    ),
    ".PP",
    escape(
      "INSTANCE is the name of an instance, or the first part of exactly one, up to a dot; commands that only ask also take the path of a QMP socket. DISK and NIC select a device by its index (-1 is the last), its uuid or 8 or more characters of it, its device id, or its name; a disk also by its absolute path or URI, a NIC by its MAC address.",
    ),
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
      "All below the run directory, /var/run/ganeti unless told otherwise.",
    ),
    ...FILES_OF.flatMap(([path, what]) => [".TP", italic(path), escape(what)]),
    ".SH ENVIRONMENT",
    ".TP",
    bold("KVM_HOTPLUG_RUN_DIR"),
    escape("The run directory."),
    ".TP",
    `${bold("GANETI_ROOTDIR")}, ${bold("GANETI_HOSTNAME")}`,
    escape("Those of a virtual cluster, as Ganeti itself takes them."),
    ".TP",
    bold("NO_COLOR"),
    escape("No colour."),
    ".SH SEE ALSO",
    ".BR qemu (1),",
    ".BR gnt\\-instance (8)",
    "",
  ].join("\n");
}
