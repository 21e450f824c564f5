/**
 * The tool's own record of an instance, `kvm-hotplug/NAME.json`: data that has
 * no place in Ganeti's closed Disk and NIC objects.
 *
 * @module
 */

import { HotplugError, messageOf, passShortage } from "../errors.ts";
import {
  compareProcess,
  type ProcessIdentity,
} from "../host/process_identity.ts";
import { isSameTap } from "../host/tap_holders.ts";
import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { fsync, openIfThere, readAll, rename, statFd } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { type InstancePaths, ownPath } from "./instance.ts";
import { openOwnDirectory, openOwnDirectoryIfThere } from "./lock.ts";
import {
  EMPTY_RECORD,
  heldTap,
  type NoteChecks,
  type OwnDevice,
  type OwnRecord,
  recordFrame,
} from "./own_check.ts";
import { removeIfThere, writeBeside } from "./runtime_file.ts";
import { faultOf, uuidKey } from "./value_check.ts";

/** The place of a record: {@linkcode InstancePaths} has both. */
export type OwnPlace = Pick<InstancePaths, "runDir" | "lockKey">;

/**
 * A change of one device's part. It can be applied to any later content, and
 * changes nothing else; `null` means no part at all.
 */
export interface OwnChange {
  /** By {@linkcode noteKey}: the id of a device without a uuid. */
  readonly uuid: string;
  /** The value that an undo puts back. */
  readonly before: OwnDevice | null;
  readonly after: OwnDevice | null;
}

const MAX_BYTES = 1024 * 1024;

function nameOf({ lockKey }: OwnPlace): string {
  return `${lockKey}.json`;
}

function bad(place: OwnPlace, why: string, cause?: unknown): HotplugError {
  return new HotplugError(
    "bad-state-file",
    `Cannot use the record ${ownPath(place, "json")}: ${why}`,
    {
      cause,
      hint: "find out which program wrote it; repair shows the next step",
    },
  );
}

/**
 * Reads a record's text.
 *
 * @param place only named in messages
 * @throws {HotplugError} `bad-state-file`
 */
export function parseOwnRecord(text: string, place: OwnPlace): OwnRecord {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw bad(place, messageOf(error), error);
  }
  if (!recordFrame(document)) {
    throw bad(place, faultOf(recordFrame, document, "") ?? "");
  }
  const { version: _, qemu = null, devices = {}, ...rest } = document;
  const { byId = {}, byIdFor = null, ...more } = rest;
  const record = { qemu: byIdFor, devices: byId, more };
  const { devices: others } = recordFor(record, qemu);
  return { qemu, devices: { ...devices, ...others }, more };
}

/**
 * The notes of known kinds in a record; notes of unknown kinds, from a later
 * release, stay in the file and mean nothing here.
 *
 * @throws {HotplugError} `bad-state-file` if its kind refuses a note
 */
export function knownNotes(
  { devices, ...rest }: OwnRecord,
  checks: NoteChecks,
  place: OwnPlace,
): OwnRecord {
  const known = Object.entries(devices).filter(([key, note]) => {
    const check = checks.get(note.kind);
    const fault = check && faultOf(check, note, key);
    if (fault !== undefined) throw bad(place, fault);
    return check !== undefined;
  });
  return { ...rest, devices: Object.fromEntries(known) };
}

/** The text of a record. */
export function formatOwnRecord({ qemu, devices, more }: OwnRecord): string {
  const all = Object.entries(devices);
  const byUuid = all.filter(([key]) => uuidKey(key));
  const byId = all.filter(([key]) => !uuidKey(key));
  const document = {
    ...{ version: 1, qemu, devices: Object.fromEntries(byUuid) },
    ...(byId.length > 0 &&
      { byId: Object.fromEntries(byId), byIdFor: qemu }),
    ...more,
  };
  return JSON.stringify(document, null, 1) + "\n";
}

function openRecord(place: OwnPlace, dir: Fd): Fd | undefined {
  try {
    const flags = O.RDONLY | O.NOFOLLOW | O.NONBLOCK;
    return openIfThere(nameOf(place), flags, { dir });
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    throw bad(place, error.message, error);
  }
}

/** A held tap that is gone needs no note any more. */
function withoutGone(record: OwnRecord): OwnRecord {
  const devices = Object.entries(record.devices).filter(([_, { access }]) =>
    !heldTap(access) || isSameTap(access)
  );
  return { ...record, devices: Object.fromEntries(devices) };
}

function readFrom(place: OwnPlace, dir: Fd): OwnRecord {
  using fd = openRecord(place, dir);
  if (fd === undefined) return EMPTY_RECORD;
  const { kind, uid, mode } = statFd(fd);
  if (kind !== "file" || uid !== 0 || mode !== 0o600) {
    throw bad(place, "it must be a file of root with mode 0600");
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true })
      .decode(readAll(fd, MAX_BYTES));
    return withoutGone(parseOwnRecord(text, place));
  } catch (error) {
    if (error instanceof HotplugError) throw error;
    passShortage(error);
    throw bad(place, messageOf(error), error);
  }
}

/**
 * Reads the record of an instance; without one it is empty.
 *
 * @throws {HotplugError} `refused` | `bad-state-file`
 */
export function readOwnRecord(place: OwnPlace): OwnRecord {
  using dir = openOwnDirectoryIfThere(place.runDir);
  return dir === undefined ? EMPTY_RECORD : readFrom(place, dir);
}

/**
 * A note for another process: only the changes that must still be undone, and
 * the words in the file, which a later start uses again.
 */
function staleDevice({ kind, via, access, words }: OwnDevice): OwnDevice[] {
  if (access === undefined && words === undefined) return [];
  const way = access && { ...(via && { via }), access };
  return [{ kind, ...way, ...(words && { words }) }];
}

/**
 * The meaning of a record for the QEMU that runs now. Limits, carriers and
 * pending removals ended with the process in which they were made. The changes
 * on the node must still be undone, and words that were added to `kvm_cmd` for
 * a device still belong to the device.
 */
export function recordFor(
  record: OwnRecord,
  qemu: ProcessIdentity | null,
): OwnRecord {
  const same = qemu !== null && record.qemu !== null &&
    compareProcess(record.qemu, qemu) === "same";
  if (same) return record;
  const devices = Object.entries(record.devices).flatMap(([key, device]) =>
    staleDevice(device).map((one) => [key, one])
  );
  return { ...record, qemu, devices: Object.fromEntries(devices) };
}

/** Applies a change; may be applied twice. */
export function applyOwnChange(
  record: OwnRecord,
  { uuid, after }: Pick<OwnChange, "uuid" | "after">,
): OwnRecord {
  const { [uuid]: _old, ...others } = record.devices;
  const devices = after === null ? others : { ...others, [uuid]: after };
  return { ...record, devices };
}

function writeTo(place: OwnPlace, record: OwnRecord, dir: Fd): void {
  const name = nameOf(place);
  const temporary = `${name}.new`;
  writeBeside(temporary, formatOwnRecord(record), { dir });
  try {
    rename(temporary, name, { dir });
  } catch (error) {
    removeIfThere(temporary, dir);
    throw error;
  }
}

function isEmpty({ devices, more }: OwnRecord): boolean {
  return Object.keys({ ...devices, ...more }).length === 0;
}

/**
 * Changes the record of an instance on the disk; an empty record is removed.
 * The caller holds the instance's lock.
 *
 * @param qemu the process that runs now; notes for another process are reduced
 * first
 * @throws {HotplugError} `refused` | `bad-state-file` | `state-write-failed`
 */
export function changeOwnRecord(
  place: OwnPlace,
  qemu: ProcessIdentity | null,
  change: Pick<OwnChange, "uuid" | "after">,
): void {
  using dir = openOwnDirectory(place.runDir);
  const before = recordFor(readFrom(place, dir), qemu);
  const record = applyOwnChange(before, change);
  try {
    if (isEmpty(record)) removeIfThere(nameOf(place), dir);
    else writeTo(place, record, dir);
    fsync(dir);
  } catch (error) {
    throw new HotplugError(
      "state-write-failed",
      `Cannot write the record ${nameOf(place)}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}
