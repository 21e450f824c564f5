/**
 * The fixed part of a QEMU's command line, as Ganeti keeps it in `kvm_cmd`:
 * without what a start adds each time, and without disks and NICs. SPEC 2.1.
 *
 * @module
 */

/** Options that take no value: qemu-options.hx. */
const BARE = new Set(
  ("S daemonize enable-kvm no-reboot no-shutdown nodefaults no-user-config " +
    "nographic no-acpi no-hpet no-fd-bootchk snapshot usb localtime " +
    "mem-prealloc preconfig only-migratable full-screen win2k-hack s " +
    "singlestep one-insn-per-tb curses sdl no-quit alt-grab ctrl-grab " +
    "no-frame portrait enable-fips no-kvm h help version").split(" "),
);

/** Options that each start gives anew. */
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

/** The values of every occurrence of an option, e.g. `-device`. */
export function optionValues(
  words: readonly string[],
  option: string,
): string[] {
  return words.flatMap((word, i) => {
    const value = words[i + 1];
    // QEMU takes both `-name` and `--name`.
    const same = word === option || word === `-${option}`;
    return same && value !== undefined ? [value] : [];
  });
}

/** Devices that are recorded as disks and NICs, by every name they have. */
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
  if (option.startsWith("{")) {
    try {
      const value = JSON.parse(option)[key];
      return typeof value === "string" ? value : undefined;
    } catch {
      return undefined;
    }
  }
  // A comma in a value is doubled: util/keyval.c.
  for (const part of option.replaceAll(",,", "\0").split(",")) {
    const [name = "", ...rest] = part.split("=");
    if (name === key) return rest.join("=").replaceAll("\0", ",");
  }
  return undefined;
}

/** Where each option has its name, and which names are recorded. */
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

/** The command line without what a runtime file has elsewhere. */
export function fixedCommand(
  [program = "", ...words]: readonly string[],
  recorded: RecordedNames,
): string[] {
  const kept = [program];
  for (let at = 0; at < words.length;) {
    const word = words[at] ?? "";
    const option = /^--?(?=.)/.test(word) ? word.replace(/^--?/, "") : "";
    const width = option === "" || BARE.has(option) ? 1 : 2;
    const value = width === 2 ? words[at + 1] ?? "" : "";
    const goes = OF_A_START.includes(option) ||
      isRecorded(option, value, recorded);
    if (!goes) kept.push(...words.slice(at, at + width));
    at += width;
  }
  return kept;
}

/** Whether a device, drive or backend of this name stands in a command line. */
export function isNamedIn(words: readonly string[], name: string): boolean {
  return words.some((word, at) => {
    const option = (words[at - 1] ?? "").replace(/^--?/, "");
    return Object.hasOwn(NAMED, option) &&
      valueOf(word, NAMED[option as keyof typeof NAMED].key) === name;
  });
}

/** A device of the fixed part. */
export interface FixedDevice {
  /** As it stands there: an alias, perhaps. */
  readonly driver: string;
  /** Undefined if it was given none. */
  readonly id: string | undefined;
}

/** The devices that every start from a file makes before disks and NICs. */
export function fixedDevices(words: readonly string[]): FixedDevice[] {
  return optionValues(words, "-device").flatMap((value) => {
    const driver = valueOf(value, "driver") ??
      /^[^,={]+(?=,|$)/.exec(value)?.[0];
    return driver === undefined ? [] : [{ driver, id: valueOf(value, "id") }];
  });
}

/** What drives of the fixed part open, but for CD-ROM, floppy and firmware. */
export function fixedDrives(words: readonly string[]): string[] {
  return optionValues(words, "-drive").flatMap((value) => {
    const isOther = valueOf(value, "media") === "cdrom" ||
      ["floppy", "pflash"].includes(valueOf(value, "if") ?? "");
    return isOther ? [] : valueOf(value, "file") ?? [];
  });
}

/** How many processors `-smp` gives; undefined: it does not say. */
export function vcpusIn(words: readonly string[]): number | undefined {
  // QEMU merges them: `--smp maxcpus=8` says nothing of it.
  const counts = optionValues(words, "-smp").flatMap((value) =>
    /^(\d+)(?=,|$)/.exec(value)?.[1] ?? valueOf(value, "cpus") ?? []
  ).map(Number).filter((count) => Number.isInteger(count) && count > 0);
  return counts.at(-1);
}
