/**
 * Finds the one device that a word means: INTERFACE, "DISK and NIC select one
 * device".
 *
 * @module
 */

import { HotplugError, type ToldDevice } from "../errors.ts";
import type { NicEntry, RecordedDevice } from "../state/runtime.ts";

/** A prefix of a uuid must have at least this many characters. */
const MIN_PREFIX = 8;

function isIndexOf(
  word: string,
  index: number | null,
  count: number,
): boolean {
  if (index === null) return false;
  // `00000012` is a prefix of a uuid, so an index has no leading zeros.
  return word === String(index) || (word === "-1" && index === count - 1);
}

function isNic(device: RecordedDevice): device is NicEntry {
  return device.kind === "nic";
}

function matches(entry: RecordedDevice, word: string, count: number): boolean {
  const lower = word.toLowerCase();
  const prefix = word.length >= MIN_PREFIX &&
    entry.uuid?.toLowerCase().startsWith(lower);
  const isMac = isNic(entry) && entry.mac?.toLowerCase() === lower;
  return prefix || isMac || isIndexOf(word, entry.index, count) ||
    entry.hvinfo.id === word || entry.name === word;
}

/**
 * The name of a device for a person: `disk 1 "data"`; without an index by its
 * device id: `CD drive cdrom1`.
 */
export function titleOf(
  { kind, called = kind, index, name, hvinfo: { id } }:
    & Pick<RecordedDevice, "kind" | "called" | "index" | "name">
    & { readonly hvinfo: { readonly id?: string | undefined } },
): string {
  const end = name === undefined ? "" : ` ${JSON.stringify(name)}`;
  return `${called} ${index ?? id}${end}`;
}

/** The members that name a recorded device for programs. */
export function nameOfEntry(entry: RecordedDevice): ToldDevice {
  const { kind, index, uuid = null, hvinfo: { id = null } } = entry;
  return { kind, index, uuid, id };
}

function describe(entry: RecordedDevice): string {
  const { uuid = "no uuid", hvinfo } = entry;
  if (entry.index === null) return titleOf(entry);
  return `${titleOf(entry)}: ${uuid}${hvinfo.id ? `, ${hvinfo.id}` : ""}`;
}

/**
 * The device that a word selects, undefined if there is none.
 *
 * @param isIts whether the word means a device in another way, too
 * @throws {HotplugError} `ambiguous-device`, with the candidates
 */
export function findDevice<E extends RecordedDevice>(
  entries: readonly E[],
  word: string,
  isIts: (entry: E) => boolean = () => false,
): E | undefined {
  const count = entries.filter(({ index }) => index !== null).length;
  const found = entries.filter((one) =>
    matches(one, word, count) || isIts(one)
  );
  if (found.length <= 1) return found[0];
  throw new HotplugError(
    "ambiguous-device",
    `${JSON.stringify(word)} matches ${found.length} devices`,
    { hint: "use the full uuid", candidates: found.map(nameOfEntry) },
  );
}

function namesOf({ name, uuid, hvinfo }: RecordedDevice): string[] {
  return [name, uuid, hvinfo.id].filter((one) => one !== undefined);
}

const FORMS =
  "give an index (-1 for the last), a uuid or at least 8 characters of it, a device id, a name, a disk's path or URI, or a NIC's MAC";

/**
 * The refusal for a word that selects nothing.
 *
 * @param entries the devices of the kind
 * @param hint a command that lists the devices: then the message does not list
 * them
 */
export function noSuchDevice(
  entries: readonly RecordedDevice[],
  word: string,
  { title, hint }: { readonly title: string; readonly hint?: string },
): HotplugError {
  const named = hint === undefined ? entries : [];
  const names = named.map(describe);
  const there = names.length === 0 ? "" : "; its devices";
  return new HotplugError(
    "no-such-device",
    `No device ${JSON.stringify(word)}${
      entries.length === 0
        ? `: this instance has no ${title}`
        : ` in this instance${there}`
    }`,
    {
      choice: { word, known: named.flatMap(namesOf) },
      names,
      hint: hint ?? FORMS,
    },
  );
}
