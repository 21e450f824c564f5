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
import type { LeftJournal } from "./journal_read.ts";
import type { Plan } from "./plan.ts";
import type { UnplugStep } from "./qmp_steps.ts";
import { PLUGGED_BACK } from "./unplug.ts";

/** Whose ledger it is. */
export interface Ledger {
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** Whom it is written for; null if the process is unknown. */
  readonly qemu: ProcessIdentity | null;
}

function removalOf({ steps }: Plan) {
  const unplug = steps.find((step): step is UnplugStep =>
    step.kind === "unplug"
  );
  const commit = steps.find((step) => step.kind === "commit-state");
  const change = commit?.change;
  if (unplug === undefined || change?.change !== "delete") return undefined;
  const kind = change.list === "disks" ? "disk" : "nic";
  return { unplug, kind, uuid: change.uuid.toLowerCase() } as const;
}

/**
 * Notes that a removal is under way.
 *
 * @param requestedAt when the guest was asked last, ISO 8601
 * @throws {HotplugError} if the record cannot be written
 */
export function notePending(
  plan: Plan,
  requestedAt: string,
  { paths, qemu }: Ledger,
): void {
  const removal = removalOf(plan);
  if (removal === undefined) return;
  const { uuid, kind, unplug: { id, title } } = removal;
  const before = recordFor(readOwnRecord(paths), qemu).devices[uuid];
  const pending = { id, title, requestedAt };
  const after = { ...before, kind, pending };
  changeOwnRecord(paths, qemu, { uuid, after });
}

/**
 * Notes that the guest was asked for a NIC that stays, as it was not there in
 * time to be plugged anew: should the guest release it later, it is missed.
 *
 * @param requestedAt when the guest was asked last, ISO 8601
 * @throws {HotplugError} if the record cannot be written
 */
export function noteReplug(
  { action, device }: Plan,
  requestedAt: string,
  { paths, qemu }: Ledger,
): void {
  const uuid = device?.uuid?.toLowerCase();
  if (action !== "modify" || device?.kind !== "nic" || !uuid) return;
  const before = recordFor(readOwnRecord(paths), qemu).devices[uuid];
  const after = { ...before, kind: "nic" as const, replug: requestedAt };
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
    readonly values: ReadonlyMap<string, string>;
  },
): void {
  const asked = plan.steps.findIndex(({ kind }) => kind === "unplug");
  // The next step's line tells that the guest had released it.
  const isOpen = asked >= 0 && begun === asked && !values.has(PLUGGED_BACK);
  if (isOpen) noteReplug(plan, at, { paths, qemu });
}

/**
 * Forgets a removal that the guest refused.
 *
 * @throws {HotplugError} if the record cannot be written
 */
export function forgetPending(plan: Plan, { paths, qemu }: Ledger): void {
  const removal = removalOf(plan);
  if (removal === undefined) return;
  const { uuid } = removal;
  const before = recordFor(readOwnRecord(paths), qemu).devices[uuid];
  if (before?.pending === undefined) return;
  const { pending: _, kind, ...rest } = before;
  const after = Object.keys(rest).length === 0 ? null : { kind, ...rest };
  changeOwnRecord(paths, qemu, { uuid, after });
}
