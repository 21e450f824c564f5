/**
 * What the tool's own record says of an instance.
 *
 * @module
 */

import { lookAt } from "../host/look.ts";
import type { QemuProcess } from "../host/process.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import { ownPath } from "../state/instance.ts";
import { EMPTY_RECORD } from "../state/own_check.ts";
import type { OwnDevice, OwnPlace, OwnRecord } from "../state/own_record.ts";

/** The tool's own record, and whom it is for. */
export interface OwnFacts {
  /** Where the record lies. */
  readonly place: OwnPlace;
  /** Who runs now; null if it was not asked, or cannot be told. */
  readonly qemu: ProcessIdentity | null;
  /** What holds for that process. */
  readonly record: OwnRecord;
}

/** Who a process is; null if that cannot be told. */
export async function whoIs(
  process: QemuProcess | undefined,
): Promise<ProcessIdentity | null> {
  const { processIdentity } = await import("../host/process_identity.ts");
  return process === undefined ? null : processIdentity(process) ?? null;
}

/** What cannot be looked at is read, and that says why. */
function isThere(place: OwnPlace): boolean {
  try {
    return lookAt(ownPath(place, "json")) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Reads the record; most instances have none, and pay for none.
 *
 * @throws {HotplugError} `refused` | `bad-state-file`
 */
export async function readOwnFacts(
  { runDir, lockKey }: OwnPlace,
  process: QemuProcess | undefined,
): Promise<OwnFacts> {
  const place = { runDir, lockKey };
  if (!isThere(place)) {
    return { place, qemu: null, record: EMPTY_RECORD };
  }
  const { readOwnRecord, recordFor } = await import("../state/own_record.ts");
  const qemu = await whoIs(process);
  return { place, qemu, record: recordFor(readOwnRecord(place), qemu) };
}

/** Whether a note only says how the disk is limited when it comes back. */
export function isRemembrance(device: OwnDevice): boolean {
  return Object.keys(device).every((key) => key === "kind" || key === "limits");
}
