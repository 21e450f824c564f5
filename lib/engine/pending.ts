/**
 * The ledger of removals that the guest has not completed: it outlives the
 * call, so that the next one knows what is under way, and finishes it once the
 * guest has released the device.
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

/** Whose ledger it is. */
export interface Ledger {
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** Whom it is written for; null if the process is unknown. */
  readonly qemu: ProcessIdentity | null;
}

/**
 * Notes that the guest was asked and has not answered: of a removal, that it is
 * under way; of a device that stays, as it was not there in time to be plugged
 * anew, that the guest may release it later, and it is missed then.
 *
 * @param requestedAt when the guest was asked last, ISO 8601
 * @param options.only undefined: whatever is to be noted
 * @param options.isCertain whether the guest was asked beyond doubt
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
 * The guest may still release what it was asked for and what is to stay; not
 * so a device that it had released, and that is plugged back.
 *
 * @param options.values those of the world it was taken back in
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
  // The next step's line tells that the guest had released it.
  const isOpen = asked >= 0 && begun === asked && !values.has(PLUGGED_BACK);
  if (!isOpen) return;
  noteAsked(plan, at, { paths, qemu, only: "replug", isCertain: false });
}

/**
 * Forgets what the guest refused.
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
