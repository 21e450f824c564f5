/**
 * What the tool's own record says of an instance.
 *
 * @module
 */

import { isThere } from "../host/look.ts";
import type { QemuProcess } from "../host/process.ts";
import {
  type ProcessIdentity,
  processIdentity,
} from "../host/process_identity.ts";
import { ownPath } from "../state/instance.ts";
import {
  EMPTY_RECORD,
  type NoteChecks,
  type OwnRecord,
} from "../state/own_check.ts";
import {
  knownNotes,
  type OwnPlace,
  readOwnRecord,
  recordFor,
} from "../state/own_record.ts";

/** The tool's own record, and whom it is for. */
export interface OwnFacts {
  readonly place: OwnPlace;
  /** Who runs now; null if it was not asked, or cannot be told. */
  readonly qemu: ProcessIdentity | null;
  readonly record: OwnRecord;
}

/** Who a process is; null if that cannot be told. */
export function whoIs(
  process: QemuProcess | undefined,
): ProcessIdentity | null {
  return process === undefined ? null : processIdentity(process) ?? null;
}

/** The same for a plan that notes something, be there a record or not. */
export function toNote(
  own: OwnFacts,
  process: QemuProcess | undefined,
): OwnFacts {
  return { ...own, qemu: own.qemu ?? whoIs(process) };
}

/**
 * Whether an instance may have a file of our own. What cannot be looked at is
 * read, and that says why.
 */
export function mayHave(place: OwnPlace, suffix: "journal" | "json"): boolean {
  try {
    return isThere(ownPath(place, suffix));
  } catch {
    return true;
  }
}

/** Loads what checks the notes of each kind of device. */
export type LoadNotes = () => Promise<NoteChecks>;

/**
 * Reads the record; most instances have none, and pay for none.
 *
 * @throws {HotplugError} `refused` | `bad-state-file`
 */
export async function readOwnFacts(
  { runDir, lockKey }: OwnPlace,
  process: QemuProcess | undefined,
  loadNotes: LoadNotes,
): Promise<OwnFacts> {
  const place = { runDir, lockKey };
  if (!mayHave(place, "json")) {
    return { place, qemu: null, record: EMPTY_RECORD };
  }
  const noted = knownNotes(readOwnRecord(place), await loadNotes(), place);
  const qemu = whoIs(process);
  return { place, qemu, record: recordFor(noted, qemu) };
}
