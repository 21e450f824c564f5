/**
 * The ledger of removals that the guest has not completed. It outlives the
 * call: the next call knows the pending removal, and finishes it once the guest
 * has released the device.
 *
 * @module
 */

import type { ProcessIdentity } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import {
  changeOwnRecord,
  readOwnRecord,
  recordFor,
} from "../state/own_record.ts";
import { noteOn } from "../state/own_check.ts";
import type { LeftJournal } from "./journal_read.ts";
import type { Plan } from "./plan.ts";
import { isUnplug, type LedgerEntry } from "./qmp_steps.ts";
import { PLUGGED_BACK } from "./unplug.ts";
import type { Value } from "./verbs.ts";

/** The owner of a ledger. */
export interface Ledger {
  /** The paths of the instance. */
  readonly paths: InstancePaths;
  /** The process for which it is written; null if the process is unknown. */
  readonly qemu: ProcessIdentity | null;
}

/**
 * Notes that the guest was asked and has not answered. For a removal: it is
 * pending. For a device that stays because it was not released in time to be
 * plugged again: the guest may release it later, and it is then missing.
 *
 * @param requestedAt the time when the guest was asked last, ISO 8601
 * @param options.only undefined: all notes
 * @param options.isCertain whether the guest was certainly asked
 * @throws {HotplugError} if the record cannot be written
 */
export function noteAsked(
  plan: Plan,
  requestedAt: string,
  { paths, qemu, only, isCertain = true }: Ledger & {
    readonly only?: LedgerEntry["note"];
    readonly isCertain?: boolean;
  },
): void {
  const unplug = plan.steps.find(isUnplug);
  if (unplug?.ledger === undefined) return;
  const { id, title, ledger: { uuid, kind, note } } = unplug;
  if (only !== undefined && note !== only) return;
  const before = noteOn(recordFor(readOwnRecord(paths), qemu), uuid);
  const noted = note === "pending"
    ? { pending: { id, title, requestedAt } }
    : isCertain || typeof before?.replug === "string"
    ? { replug: requestedAt }
    : { replug: { perhaps: requestedAt } };
  const after = { ...before, kind, ...noted };
  changeOwnRecord(paths, qemu, { uuid, after });
}

/**
 * The guest may still release a device that it was asked for and that stays;
 * but not a device that it had released, and that was plugged back.
 *
 * @param options.values the values of the world in which it was undone
 * @throws {HotplugError} if the record cannot be written
 */
export function noteTakenBack(
  { plan, begun, qemu, at }: LeftJournal,
  { paths, values }: {
    readonly paths: InstancePaths;
    readonly values: ReadonlyMap<Value, string>;
  },
): void {
  const asked = plan.steps.findIndex(isUnplug);
  // The line of the next step shows that the guest had released it.
  const isOpen = asked >= 0 && begun === asked && !values.has(PLUGGED_BACK);
  if (!isOpen) return;
  noteAsked(plan, at, { paths, qemu, only: "replug", isCertain: false });
}

/**
 * Removes the note of a removal that the guest refused.
 *
 * @throws {HotplugError} if the record cannot be written
 */
export function forgetAsked(plan: Plan, { paths, qemu }: Ledger): void {
  const ledger = plan.steps.find(isUnplug)?.ledger;
  if (ledger === undefined) return;
  const { uuid, note } = ledger;
  const before = noteOn(recordFor(readOwnRecord(paths), qemu), uuid);
  if (before?.[note] === undefined) return;
  const { [note]: _, kind, ...rest } = before;
  const after = Object.keys(rest).length === 0 ? null : { kind, ...rest };
  changeOwnRecord(paths, qemu, { uuid, after });
}
