/**
 * The CD and floppy drives that a VM was started with. They are words of
 * `kvm_cmd`: up to Ganeti 3.0 one `-drive`, later a `-blockdev` and a `-device`
 * without an id. Pure.
 *
 * @module
 */

import { frontendId, servesAnonymous } from "../device/backend.ts";
import type { WordsDevice } from "../plan/command_words.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import {
  type CommandOption,
  commandOptions,
  type FixedOption,
  fixedOptions,
} from "../state/fixed_command.ts";
import { readOptionText } from "../state/option_text.ts";
import type { RecordedDevice, Runtime } from "../state/runtime.ts";
import { namedDrives } from "./drive_names.ts";

/** A drive that the VM was started with. */
export interface StartedDrive extends WordsDevice {
  readonly kind: "disk";
  readonly called: "CD drive" | "floppy drive";
  /** It is not one of Ganeti's disks. */
  readonly index: null;
  /** The options for its medium, to the letter; `-device` stays as it is. */
  readonly words: readonly string[];
  /** The name of the block backend or block node that its device uses. */
  readonly drive: string;
  /**
   * Absolute path or URL of its medium; null: it is empty; undefined: the words
   * do not tell.
   */
  readonly medium: string | null | undefined;
}

/** Whether a recorded device is one of them. */
export function isStartedDrive(device: RecordedDevice): device is StartedDrive {
  return device.kind === "disk" && device.index === null;
}

/** Drivers of devices with a medium that can be changed. */
const REMOVABLE = ["ide-cd", "scsi-cd", "floppy"];

/** The drivers of the devices that `-drive` makes itself, by `if`. */
const MADE: ReadonlyMap<string, string> = new Map([
  ["ide", "ide-cd"],
  ["floppy", "floppy"],
]);

/** A device of `-device` that uses a drive. */
interface Device extends Pick<StartedDrive, "anonymous"> {
  readonly driver: string;
  readonly id: string | undefined;
}

/** The devices, by the drive that they use. */
function devicesByDrive(words: readonly string[]): Map<string, Device> {
  const all = fixedOptions(words, "device");
  // QEMU makes devices in JSON after all others: qemu_create_cli_devices().
  const late = ({ words: [, value] }: FixedOption) => value.startsWith("{");
  const unnamed = [...all.filter((one) => !late(one)), ...all.filter(late)]
    .filter(({ id }) => id === undefined);
  return new Map(
    all.flatMap((one): [string, Device][] => {
      const { type: driver, id, properties } = one;
      const drive = properties.get("drive");
      if (drive === undefined || !REMOVABLE.includes(driver)) return [];
      const anonymous = id === undefined ? unnamed.indexOf(one) : undefined;
      return [[drive, { driver, id, anonymous }]];
    }),
  );
}

/** What one option, or two, tell of a drive and its medium. */
type Medium = Pick<StartedDrive, "drive" | "medium" | "words">;

function made(
  { driver, id, anonymous }: Device,
  { drive, ...medium }: Medium,
): StartedDrive {
  return {
    kind: "disk",
    called: driver === "floppy" ? "floppy drive" : "CD drive",
    index: null,
    hvinfo: { driver, id: id ?? drive },
    drive,
    ...medium,
    anonymous,
  };
}

/** The drives of `-drive`. */
function ofDrives(
  options: readonly CommandOption[],
  devices: ReadonlyMap<string, Device>,
): StartedDrive[] {
  return namedDrives(options).flatMap(({ words, properties, type, name }) => {
    const isCd = properties.get("media") === "cdrom";
    const own = isCd === (type === "ide") ? MADE.get(type) : undefined;
    const device = type === "none"
      ? devices.get(name)
      : own && { driver: own, id: undefined };
    const medium = properties.get("file") || null;
    return device ? [made(device, { drive: name, medium, words })] : [];
  });
}

/** The drives of `-blockdev`; the node with the file may be below another. */
function ofNodes(
  options: readonly CommandOption[],
  devices: ReadonlyMap<string, Device>,
): StartedDrive[] {
  const nodes = options.filter(({ option }) => option === "blockdev")
    .map(({ value, words }) => ({ words, all: readOptionText(value) }));
  return nodes.flatMap(({ words, all }) => {
    const drive = all.get("node-name") ?? "";
    const device = devices.get(drive);
    if (device === undefined) return [];
    const below = nodes.find((one) =>
      one.all.get("node-name") === (all.get("file") ?? "")
    );
    const medium = below === undefined
      ? all.get("file.filename") ?? all.get("file.url")
      : below.all.get("filename") ?? below.all.get("url");
    const both = [...below?.words ?? [], ...words];
    return [made(device, { drive, medium, words: both })];
  });
}

/** All that a runtime file records, in the order of their options. */
export function startedDrives(
  { kvmCmd }: Pick<Runtime, "kvmCmd">,
): readonly StartedDrive[] {
  const options = commandOptions(kvmCmd);
  const devices = devicesByDrive(kvmCmd);
  const found = [...ofDrives(options, devices), ...ofNodes(options, devices)];
  const at = ({ words }: StartedDrive) =>
    options.findIndex((one) => one.words[1] === words[1]);
  return found.toSorted((one, other) => at(one) - at(other));
}

/** What QEMU has of it: query-block; undefined: nothing. */
export function liveDrive(
  block: readonly BlockBackend[],
  { drive, hvinfo: { id }, anonymous }: StartedDrive,
): BlockBackend | undefined {
  const inQemu = block.filter(({ qdev }) => qdev !== "");
  return inQemu.find(({ device }) => device === drive) ??
    inQemu.find(({ qdev }) => frontendId(qdev) === id) ??
    inQemu.find((one) => servesAnonymous(one, anonymous));
}
