/**
 * Options that several commands take.
 *
 * @module
 */

import { ID_SCHEMES } from "../device/device_id.ts";

/** The range of a number, both bounds included. */
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
  /** Possible values, if they are few. */
  readonly choices?: readonly string[];
  /** The choices are the usual ones; QEMU may know more. */
  readonly others?: "accepted";
  /** Its range, if it is a number; else it is a text. */
  readonly amount?: Amount;
  /** The word `none` is a value, too. */
  readonly none?: "accepted";
  /** In `rpc` it may also be an object, for a value that is JSON text. */
  readonly json?: "accepted";
  /** A letter with the same meaning. */
  readonly short?: string;
  /** One line of the usage text, with unit and range. */
  readonly help: string;
  /** The value if it is omitted, for the usage text. */
  readonly default?: string | undefined;
}

/** Words in a sentence: `raw or qcow2`. */
export function either(words: readonly string[]): string {
  const rest = words.slice(0, -1).join(", ");
  return [rest, words.at(-1)].filter(Boolean).join(" or ");
}

/**
 * An option in the form of the usage text.
 *
 * @param shown with its metavariable, if it takes a value: `run-dir DIR`
 * @param fallback the value if it is omitted
 */
export function spec(
  shown: string,
  help: string,
  fallback?: string,
): OptionSpec {
  const [name = "", value] = shown.split(" ");
  return { name, value, help, default: fallback };
}

/** An option with a number as value. */
export interface AmountOption extends OptionSpec {
  readonly amount: Amount;
}

/** As {@linkcode spec}, for a number. */
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

/** An option with a few words as values, which are its help. */
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

/** The place of a device. */
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

/** A command line in parts. */
export interface Invocation {
  /** Undefined if there is no command (`--version`). */
  readonly command: CommandSpec | undefined;
  /** Words after the command's own; at most as many as its entry allows. */
  readonly operands: readonly string[];
  /** Options with a value, by long name; the texts are not checked yet. */
  readonly values: ReadonlyMap<string, string>;
  /** Given flags; `no-` ones by that name. */
  readonly flags: ReadonlySet<string>;
}

/** The document of a command; the data are in ../commands/documents.ts. */
export type DocumentName =
  | "change"
  | "check"
  | "completion"
  | "event"
  | "help"
  | "list"
  | "metrics"
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
  /** Operands; one in brackets may be omitted. */
  readonly operands: readonly string[];
  /** One line of the usage text: lower case, no full stop. */
  readonly summary: string;
  /** Its own options; every command also takes {@linkcode GLOBAL_OPTIONS}. */
  readonly options: readonly OptionSpec[];
  /** Its document; for a stream, the document of each line. */
  readonly document: DocumentName;
  /**
   * `stream`: writes until it ends; not a method of `rpc`. @default an answer
   */
  readonly output?: "stream";
  /** Words of other tools (ip, virsh, QEMU's monitor) for it. */
  readonly otherNames?: readonly string[];
  /** At least two: the purpose of each, and the line below it. */
  readonly examples: string;
}

/**
 * A command in the form of the usage text: its own words, then its operands.
 * Its document is the document of a change, unless its line names another.
 *
 * @param shown for example `disk add INSTANCE SOURCE`
 */
export function commandSpec(
  shown: string,
  told:
    & Pick<CommandSpec, "summary" | "examples">
    & Partial<Omit<CommandSpec, "name" | "operands">>,
): CommandSpec {
  const words = shown.split(" ");
  const own = words.filter((word) => /^[a-z]+$/.test(word));
  const operands = words.slice(own.length);
  const name = own.join(" ");
  return { name, operands, options: [], document: "change", ...told };
}

/** The lines of a command's examples. */
export function examplesOf({ examples }: CommandSpec): string[] {
  return examples.trim().split("\n");
}

/** A command's words joined by a dot: its method of `rpc`. */
export function dotted({ name }: CommandSpec): string {
  return name.replaceAll(" ", ".");
}
