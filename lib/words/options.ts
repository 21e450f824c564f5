/**
 * Options that several commands take.
 *
 * @module
 */

import { ID_SCHEMES } from "../device/device_id.ts";

/** A number that a value can be, both bounds included. */
export interface Amount {
  /** `bytes` may be written with k M G T, `seconds` with a fraction. */
  readonly unit: "number" | "bytes" | "seconds";
  readonly min: number;
  readonly max: number;
}

/** An operand SIZE. */
export const SIZE: Amount = {
  unit: "bytes",
  min: 1,
  max: Number.MAX_SAFE_INTEGER,
};

/** One long option. */
export interface OptionSpec {
  /** Long form, without its `--`. */
  readonly name: string;
  /** Metavariable of its value; a flag has none. */
  readonly value?: string | undefined;
  /** Words that can be its value, where there are few. */
  readonly choices?: readonly string[];
  /** The choices are the usual ones, and QEMU may know more. */
  readonly others?: "accepted";
  /** What its value can be, if it is a number; else it is a text. */
  readonly amount?: Amount;
  /** In `rpc` it may also be an object, for a value that is JSON text. */
  readonly json?: "accepted";
  /** One letter that means the same. */
  readonly short?: string;
  /** One line of the usage text, with unit and range. */
  readonly help: string;
  /** What holds when it is left out, for the usage text. */
  readonly default?: string | undefined;
}

/** Words as a sentence has them: `raw or qcow2`. */
export function either(words: readonly string[]): string {
  const rest = words.slice(0, -1).join(", ");
  return [rest, words.at(-1)].filter(Boolean).join(" or ");
}

/**
 * An option as the usage shows it.
 *
 * @param shown with its metavariable, if it takes a value: `run-dir DIR`
 * @param fallback what holds when it is left out
 */
export function spec(
  shown: string,
  help: string,
  fallback?: string,
): OptionSpec {
  const [name = "", value] = shown.split(" ");
  return { name, value, help, default: fallback };
}

/** An option whose value is a number. */
export interface AmountOption extends OptionSpec {
  readonly amount: Amount;
}

/** As {@linkcode spec}, of a number. */
export function amountOption(
  amount: Amount,
  ...told: Parameters<typeof spec>
): AmountOption {
  return { ...spec(...told), amount };
}

/** Seconds to wait, at most a day. */
export function secondsOption(
  min: number,
  ...told: Parameters<typeof spec>
): AmountOption {
  return amountOption({ unit: "seconds", min, max: 86_400 }, ...told);
}

/** An option whose value is one of a few words, which are its help. */
export function choiceOption(
  spec: Omit<OptionSpec, "help"> & { readonly choices: readonly string[] },
  more = "",
): OptionSpec {
  return { ...spec, help: either(spec.choices) + more };
}

/** Longest wait for one QMP reply. */
export const TIMEOUT: AmountOption = secondsOption(
  0.001,
  "timeout S",
  "longest wait for one QMP reply, in seconds",
  "5",
);

/** Longest wait for the guest. */
export const UNPLUG_TIMEOUT: AmountOption = secondsOption(
  0,
  "unplug-timeout S",
  "longest wait for the guest to release a device, in seconds",
  "30",
);

/** Longest wait for the lock. */
export const LOCK_TIMEOUT: AmountOption = secondsOption(
  0,
  "lock-timeout S",
  "longest wait for another kvm-hotplug on the same instance, in seconds",
  "10",
);

/** Options that every command takes. */
export const GLOBAL_OPTIONS: readonly OptionSpec[] = [
  spec(
    "run-dir DIR",
    "Ganeti's run directory; all other paths are below it",
    "$KVM_HOTPLUG_RUN_DIR, else /var/run/ganeti",
  ),
  spec("qmp PATH", "use this QMP socket"),
  spec("state PATH", "use this runtime file"),
  spec("json", "print one JSON document on stdout"),
  TIMEOUT,
  UNPLUG_TIMEOUT,
  LOCK_TIMEOUT,
  spec(
    "log FILE",
    "append the trace, and one line for each change, as JSON lines",
  ),
  {
    ...spec("verbose", "print every step and QMP message on stderr"),
    short: "v",
  },
  { ...spec("quiet", "print errors only"), short: "q" },
  spec("no-color", "no colour, as with NO_COLOR"),
  { ...spec("help", "show the usage"), short: "h" },
  { ...spec("version", "show the version"), short: "V" },
];

/** For every command that changes something. */
export const DRY_RUN: OptionSpec = spec(
  "dry-run",
  "make all checks, choose the slot, print the plan; change nothing",
);

/** Where a device is to sit. */
export const SLOT: AmountOption = amountOption(
  { unit: "number", min: 0, max: 31 },
  "slot N",
  "PCI slot, 0 to 31, or a port's number; for a SCSI disk, the target number",
  "the first free one",
);

/** For every command that adds a device. */
export const PLUG_OPTIONS: readonly OptionSpec[] = [
  spec("uuid U", "the device's uuid", "a random one"),
  spec("name N", "name stored with the device"),
  SLOT,
  spec(
    "bus B",
    "PCI or SCSI bus, or a PCIe port",
    "pci.0, scsi.0; on q35 a free port",
  ),
  {
    ...spec(
      "id-scheme S",
      `form of the device id: ${either(ID_SCHEMES)}`,
      "the form of the devices already recorded",
    ),
    choices: ID_SCHEMES,
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

/** What a command answers; the data are in ../commands/documents.ts. */
export type DocumentName =
  | "change"
  | "check"
  | "completion"
  | "event"
  | "help"
  | "list"
  | "pci"
  | "qmp"
  | "repair"
  | "response"
  | "schema"
  | "shell"
  | "state_command"
  | "state_show";

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
  /** Its document; of a stream, each of its lines. */
  readonly document: DocumentName;
  /** `stream`: writes until it ends; no method of `rpc`. @default an answer */
  readonly output?: "stream";
}

/**
 * A command as the usage shows it: its own words, then its operands. It
 * answers what a change answers, unless its line says otherwise.
 *
 * @param shown for example `disk add INSTANCE SOURCE`
 */
export function commandSpec(
  shown: string,
  summary: string,
  options: readonly OptionSpec[] = [],
): CommandSpec {
  const words = shown.split(" ");
  const own = words.filter((word) => /^[a-z]+$/.test(word));
  const operands = words.slice(own.length);
  const name = own.join(" ");
  return { name, operands, summary, options, document: "change" };
}

/** A command under its words joined by a dot, which is its method of `rpc`. */
export function dotted({ name }: CommandSpec): string {
  return name.replaceAll(" ", ".");
}
