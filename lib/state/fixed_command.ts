/**
 * The fixed part of a QEMU's command line, in the form of Ganeti's `kvm_cmd`:
 * without the words that each start adds, and without disks and NICs. SPEC 2.1.
 *
 * @module
 */

import { readOptionText } from "./option_text.ts";

/** Options that take no value: qemu-options.hx. */
const BARE = new Set(
  ("S daemonize enable-kvm no-reboot no-shutdown nodefaults no-user-config " +
    "nographic no-acpi no-hpet no-fd-bootchk snapshot usb localtime " +
    "mem-prealloc preconfig only-migratable full-screen win2k-hack s " +
    "singlestep one-insn-per-tb curses sdl no-quit alt-grab ctrl-grab " +
    "no-frame portrait enable-fips no-kvm h help version audio-help " +
    "xen-attach xen-domid-restrict enable-sync-profile async-teardown " +
    "semihosting old-param perfmap jitdump").split(" "),
);

/** Options that each start adds again. */
const OF_A_START = [
  "qmp",
  "qmp-pretty",
  "incoming",
  "S",
  "k",
  "runas",
  "chroot",
  "run-with",
];

/** A word or two of a command line. */
interface Part {
  /** Without its dashes; empty if it is not an option. */
  readonly option: string;
  /** Undefined if it takes none. */
  readonly value: string | undefined;
  /** Place of its first word. */
  readonly at: number;
}

/**
 * A command line in parts: the value of an option is never taken as an option.
 */
function partsOf(words: readonly string[]): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < words.length;) {
    const word = words[at] ?? "";
    // QEMU takes both `-name` and `--name`.
    const option = /^--?(?=.)/.test(word) ? word.replace(/^--?/, "") : "";
    const isAlone = option === "" || BARE.has(option);
    parts.push({ option, value: isAlone ? undefined : words[at + 1], at });
    at += isAlone ? 1 : 2;
  }
  return parts;
}

/** An option that has a value. */
export interface CommandOption {
  /** Without its dashes. */
  readonly option: string;
  readonly value: string;
  /** The option and its value, to the letter. */
  readonly words: readonly [option: string, value: string];
}

/** All options with a value, in order. */
export function commandOptions(words: readonly string[]): CommandOption[] {
  return partsOf(words).flatMap(({ option, value, at }): CommandOption[] =>
    value === undefined || option === ""
      ? []
      : [{ option, value, words: [words[at] ?? "", value] }]
  );
}

/** The values of every occurrence of an option, e.g. `-device`. */
export function optionValues(
  words: readonly string[],
  option: string,
): string[] {
  return partsOf(words).flatMap((part) =>
    `-${part.option}` === option ? part.value ?? [] : []
  );
}

/**
 * The places at which options begin, and the end; nothing is inserted between
 * an option and its value.
 */
export function optionPlaces(words: readonly string[]): number[] {
  return [...partsOf(words).map(({ at }) => at), words.length];
}

/** All names of the devices that are recorded as disks and NICs. */
export interface RecordedNames {
  /** Of `-device`. */
  readonly devices: ReadonlySet<string>;
  /** Of `-netdev`. */
  readonly netdevs: ReadonlySet<string>;
  /** `id=` of `-drive`. */
  readonly drives: ReadonlySet<string>;
  /** `node-name` of `-blockdev`. */
  readonly nodes: ReadonlySet<string>;
}

/** A member of an option's value: `key=value,…` or JSON. */
function valueOf(option: string, key: string): string | undefined {
  return readOptionText(option).get(key);
}

/** The place of the name in each option, and the recorded names. */
const NAMED = {
  device: { key: "id", list: "devices" },
  netdev: { key: "id", list: "netdevs" },
  drive: { key: "id", list: "drives" },
  blockdev: { key: "node-name", list: "nodes" },
} as const;

function isRecorded(
  option: string,
  value: string,
  recorded: RecordedNames,
): boolean {
  if (!Object.hasOwn(NAMED, option)) return false;
  const { key, list } = NAMED[option as keyof typeof NAMED];
  const name = valueOf(value, key);
  return name !== undefined && recorded[list].has(name);
}

/** The command line without the parts that are elsewhere in a runtime file. */
export function fixedCommand(
  [program = "", ...words]: readonly string[],
  recorded: RecordedNames,
): string[] {
  const kept = partsOf(words).flatMap(({ option, value, at }) => {
    const goes = OF_A_START.includes(option) ||
      isRecorded(option, value ?? "", recorded);
    return goes ? [] : words.slice(at, value === undefined ? at + 1 : at + 2);
  });
  return [program, ...kept];
}

/** Whether a command line has a device, drive or backend of this name. */
export function isNamedIn(words: readonly string[], name: string): boolean {
  return partsOf(words).some(({ option, value = "" }) =>
    Object.hasOwn(NAMED, option) &&
    valueOf(value, NAMED[option as keyof typeof NAMED].key) === name
  );
}

/** A device or an object of the fixed part. */
export interface FixedOption {
  /** `driver` of a device, perhaps an alias; `qom-type` of an object. */
  readonly type: string;
  /** Undefined if it has none. */
  readonly id: string | undefined;
  /** All properties, as {@linkcode readOptionText} reads them. */
  readonly properties: ReadonlyMap<string, string>;
  /** The option and its value, to the letter. */
  readonly words: readonly [option: string, value: string];
  /** Place of the option in the command line. */
  readonly at: number;
}

const TYPE = { device: "driver", object: "qom-type" } as const;

/**
 * The options that every start from a file has before disks and NICs, in order.
 */
export function fixedOptions(
  words: readonly string[],
  option: keyof typeof TYPE,
): FixedOption[] {
  return partsOf(words).flatMap((part): FixedOption[] => {
    const { value, at } = part;
    if (part.option !== option || value === undefined) return [];
    const properties = readOptionText(value, TYPE[option]);
    const type = properties.get(TYPE[option]);
    if (type === undefined) return [];
    const id = properties.get("id");
    return [{ type, id, properties, words: [words[at] ?? "", value], at }];
  });
}

/** Whether the fixed part makes an object of this type with this id. */
export function hasObject(
  words: readonly string[],
  { type, id }: Pick<FixedOption, "type" | "id">,
): boolean {
  return fixedOptions(words, "object")
    .some((one) => one.type === type && one.id === id);
}

/**
 * The files that drives of the fixed part open, without CD-ROM, floppy and
 * firmware.
 */
export function fixedDrives(words: readonly string[]): string[] {
  return optionValues(words, "-drive").flatMap((value) => {
    const isOther = valueOf(value, "media") === "cdrom" ||
      ["floppy", "pflash"].includes(valueOf(value, "if") ?? "");
    return isOther ? [] : valueOf(value, "file") ?? [];
  });
}

/** The number of processors in `-smp`; undefined: not given. */
export function vcpusIn(words: readonly string[]): number | undefined {
  // QEMU merges them: `--smp maxcpus=8` does not give the number.
  const counts = optionValues(words, "-smp").flatMap((value) =>
    /^(\d+)(?=,|$)/.exec(value)?.[1] ?? valueOf(value, "cpus") ?? []
  ).map(Number).filter((count) => Number.isInteger(count) && count > 0);
  return counts.at(-1);
}
