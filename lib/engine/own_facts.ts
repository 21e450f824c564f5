/**
 * What the tool's own record says of an instance.
 *
 * @module
 */

import type { QemuProcess } from "../host/process.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
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

/** Without FFI: a list is given on every platform. */
function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    // What cannot be looked at is read, and that says why.
    return !(error instanceof Deno.errors.NotFound);
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
  if (!isThere(`${runDir}/kvm-hotplug/${lockKey}.json`)) {
    return {
      place,
      qemu: null,
      record: { qemu: null, devices: {}, more: {} },
    };
  }
  const { readOwnRecord, recordFor } = await import("../state/own_record.ts");
  const qemu = await whoIs(process);
  return { place, qemu, record: recordFor(readOwnRecord(place), qemu) };
}

/** Whether a note only says how the disk is limited when it comes back. */
export function isRemembrance(device: OwnDevice): boolean {
  return Object.keys(device).every((key) => key === "kind" || key === "limits");
}
