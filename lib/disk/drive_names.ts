/**
 * QEMU's names for the drives of `-drive`, and for its short forms such as
 * `-cdrom`. Pure.
 *
 * @module
 */

import type { CommandOption } from "../state/fixed_command.ts";
import { readOptionText } from "../state/option_text.ts";

/** The short forms of `-drive`: qemu_init() of system/vl.c. */
const SHORT: ReadonlyMap<string, string> = new Map([
  ["hda", "index=0,media=disk"],
  ["hdb", "index=1,media=disk"],
  ["hdc", "index=2,media=disk"],
  ["hdd", "index=3,media=disk"],
  ["cdrom", "index=2,media=cdrom"],
  ["fda", "if=floppy,index=0"],
  ["fdb", "if=floppy,index=1"],
]);

/** The same drive as the value of `-drive`, without a file. */
export function longForm(option: string): string | undefined {
  return SHORT.get(option);
}

/** A drive of the command line. */
export interface NamedDrive {
  /** Its option, to the letter. */
  readonly words: CommandOption["words"];
  /** Its properties; `file` if it has a medium. */
  readonly properties: ReadonlyMap<string, string>;
  /** `ide`, `floppy`, `virtio`, `none`, … */
  readonly type: string;
  /** QEMU's name of its block backend. */
  readonly name: string;
}

/** Units of a bus; 0: drives of this type have no buses. */
function unitsOf(type: string, machine: string): number {
  if (type === "scsi") return 7;
  if (type !== "ide") return 0;
  return machine.includes("q35") ? 1 : 2;
}

interface Place {
  readonly bus: number;
  readonly unit: number;
}

/** The place of a drive: drive_new() of blockdev.c. */
function placeOf(
  properties: NamedDrive["properties"],
  { units, isTaken }: {
    readonly units: number;
    readonly isTaken: (place: Place) => boolean;
  },
): Place {
  const [index, bus = 0, unit] = ["index", "bus", "unit"].map((key) => {
    const value = properties.get(key) ?? "";
    return /^\d{1,3}$/.test(value) ? Number(value) : undefined;
  });
  if (index !== undefined) {
    return units === 0
      ? { bus: 0, unit: index }
      : { bus: Math.floor(index / units), unit: index % units };
  }
  if (unit !== undefined) return { bus, unit };
  const place = { bus, unit: 0 };
  while (isTaken(place)) {
    place.unit++;
    if (units === 0 || place.unit < units) continue;
    [place.bus, place.unit] = [place.bus + 1, 0];
  }
  return place;
}

function propertiesOf({ option, value }: CommandOption) {
  const short = SHORT.get(option);
  return short === undefined
    ? readOptionText(value)
    : new Map([...readOptionText(short), ["file", value]]);
}

/**
 * The drives of `-drive` and its short forms, in order.
 *
 * @param options all options of the command line
 */
export function namedDrives(options: readonly CommandOption[]): NamedDrive[] {
  const machine = options.filter(({ option }) => /^(?:machine|M)$/.test(option))
    .map(({ value }) => value).join();
  const taken = new Set<string>();
  return options.filter(({ option }) => option === "drive" || SHORT.has(option))
    .map((one) => {
      const properties = propertiesOf(one);
      const type = properties.get("if") ?? "ide";
      const units = unitsOf(type, machine);
      const isTaken = (place: Place) =>
        taken.has(`${type} ${place.bus} ${place.unit}`);
      const { bus, unit } = placeOf(properties, { units, isTaken });
      taken.add(`${type} ${bus} ${unit}`);
      const media = properties.get("media") === "cdrom" ? "-cd" : "-hd";
      const made = `${type}${units === 0 ? "" : `${bus}${media}`}${unit}`;
      const name = properties.get("id") ?? made;
      return { words: one.words, properties, type, name };
    });
}
