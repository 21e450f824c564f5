/**
 * Options that several commands take.
 *
 * @module
 */

import { ID_SCHEMES } from "../device/device_id.ts";

/** One long option. */
export interface OptionSpec {
  /** Long form, without its `--`. */
  readonly name: string;
  /** Metavariable of its value; a flag has none. */
  readonly value?: string;
  /** Words that can be its value, where there are few. */
  readonly choices?: readonly string[];
  /** In `rpc` it may also be an object, for a value that is JSON text. */
  readonly json?: "accepted";
  /** One letter that means the same. */
  readonly short?: string;
  /** One line of the usage text, with unit and range. */
  readonly help: string;
  /** What holds when it is left out, for the usage text. */
  readonly default?: string;
}

/** Words as a sentence has them: `raw or qcow2`. */
export function either(words: readonly string[]): string {
  const rest = words.slice(0, -1).join(", ");
  return [rest, words.at(-1)].filter(Boolean).join(" or ");
}

/** An option whose value is one of a few words, which are its help. */
export function choiceOption(
  spec: Omit<OptionSpec, "help"> & { readonly choices: readonly string[] },
  more = "",
): OptionSpec {
  return { ...spec, help: either(spec.choices) + more };
}

/** Options that every command takes. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  {
    name: "run-dir",
    value: "DIR",
    help: "Ganeti's run directory, from which every path is derived",
    default: "$KVM_HOTPLUG_RUN_DIR, else /var/run/ganeti",
  },
  { name: "qmp", value: "PATH", help: "this QMP socket instead" },
  { name: "state", value: "PATH", help: "this runtime file instead" },
  { name: "json", help: "one JSON document on stdout" },
  {
    name: "timeout",
    value: "S",
    help: "longest wait for one QMP reply, in seconds",
    default: "5",
  },
  {
    name: "unplug-timeout",
    value: "S",
    help: "longest wait for the guest to release a device, in seconds",
    default: "30",
  },
  {
    name: "lock-timeout",
    value: "S",
    help: "longest wait for another kvm-hotplug, in seconds",
    default: "10",
  },
  {
    name: "log",
    value: "FILE",
    help: "append the trace and a line per change, as JSON lines",
  },
  {
    name: "verbose",
    short: "v",
    help: "every step and QMP message on stderr",
  },
  { name: "quiet", short: "q", help: "errors only" },
  { name: "no-color", help: "no colour; also by NO_COLOR" },
  { name: "help", short: "h", help: "show the usage" },
  { name: "version", help: "show the version" },
];

/** For every command that changes something. */
export const DRY_RUN: OptionSpec = {
  name: "dry-run",
  help: "check all, choose the slot, print the plan; change nothing",
};

/** For every command that adds a device. */
export const PLUG_OPTIONS: readonly OptionSpec[] = [
  {
    name: "uuid",
    value: "U",
    help: "the device's uuid",
    default: "a random one",
  },
  { name: "name", value: "N", help: "name stored with the device" },
  {
    name: "slot",
    value: "N",
    help: "PCI slot, 0 to 31, or number of a port; of a SCSI disk its target",
    default: "the first free one",
  },
  {
    name: "bus",
    value: "B",
    help: "PCI or SCSI bus, or a PCIe port",
    default: "pci.0, scsi.0; on q35 a free port",
  },
  {
    name: "id-scheme",
    value: "S",
    help: `form of the device id: ${either(ID_SCHEMES)}`,
    choices: ID_SCHEMES,
    default: "as the devices already recorded",
  },
  DRY_RUN,
];

/** A command line, taken apart. */
export interface Invocation {
  /** Undefined if there is no command (`--version`). */
  readonly command: CommandSpec | undefined;
  /** Words after the command's own; as many as its entry allows. */
  readonly operands: readonly string[];
  /** Options with a value, by long name; the texts are not checked yet. */
  readonly values: ReadonlyMap<string, string>;
  /** Flags given, `no-` ones by that name. */
  readonly flags: ReadonlySet<string>;
}

/** One command. */
export interface CommandSpec {
  /** Its words, e.g. `disk add`. */
  readonly name: string;
  /** Operands; one in brackets may be left out. */
  readonly operands: readonly string[];
  /** One line of the usage text: lower case, no full stop. */
  readonly summary: string;
  /** Its own; every command also takes {@linkcode GLOBAL_OPTIONS}. */
  readonly options: readonly OptionSpec[];
  /** `stream`: writes until it ends; no method of `rpc`. @default an answer */
  readonly output?: "stream";
}
