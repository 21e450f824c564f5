/**
 * Steps on the tool's own record.
 *
 * @module
 */

import {
  noteKey,
  noteOn,
  type OwnDevice,
  ownPlace,
  processIdentity,
} from "../state/own_check.ts";
import { isStillOpen } from "../host/still_open.ts";
import {
  changeOwnRecord,
  readOwnRecord,
  recordFor,
} from "../state/own_record.ts";
import { object, type Of, orNull, whole } from "../state/value_check.ts";
import { FOR_QEMU, stepCheck } from "./verbs.ts";
import { defineStep } from "./world.ts";

const checkOwnRecord = stepCheck("own-record", ({ paths, isNote }) => ({
  place: ownPlace(paths),
  // The process for which it is written; null if QEMU's process is unknown.
  qemu: orNull(processIdentity),
  // The device's part before, which the undo puts back, and after.
  change: object({
    uuid: noteKey,
    before: orNull(isNote),
    after: orNull(isNote),
  }),
}), {
  // A process: while it has the file of `before` open, the way stays in the
  // record.
  holder: whole(1, 2 ** 22),
});

/** Changes the tool's own record of one device. */
export type OwnRecordStep = Of<typeof checkOwnRecord>;

/** Whether two values are equal, whatever the order of their keys. */
function isSame(one: unknown, other: unknown): boolean {
  const sorted = (value: unknown) =>
    JSON.stringify(
      value,
      (_key, inner) =>
        inner !== null && typeof inner === "object" && !Array.isArray(inner)
          ? Object.fromEntries(Object.entries(inner).sort())
          : inner,
    );
  return sorted(one) === sorted(other);
}

function recorded(step: OwnRecordStep): OwnDevice | null {
  const record = recordFor(readOwnRecord(step.place), step.qemu);
  return noteOn(record, step.change.uuid) ?? null;
}

/** The subjects of a change, the most important first. */
function subjectOf({ before, after }: OwnRecordStep["change"]): string {
  const keys = Object.keys({ ...before, ...after })
    .filter((key) =>
      key !== "kind" && !isSame(Object(before)[key], Object(after)[key])
    );
  return keys.join(", ") || "nothing";
}

/** The part that stays in the record while the way to a disk is in use. */
function keptWay({ before, after }: OwnRecordStep["change"]) {
  if (before?.access === undefined) return after;
  const { kind, via, access } = before;
  return { kind, ...after, ...(via && { via }), access };
}

/** The part to write now. */
function wanted(step: OwnRecordStep): OwnDevice | null {
  const { change, holder } = step;
  if (holder === undefined) return change.after;
  return isStillOpen(change.before?.access, holder)
    ? keptWay(change)
    : change.after;
}

/** The step on the tool's own record. */
export const OWN_RECORD_STEP = defineStep({
  check: checkOwnRecord,
  traits: () => FOR_QEMU,
  do(step) {
    const { place, qemu, change } = step;
    const now = { ...change, after: wanted(step) };
    changeOwnRecord(place, qemu, now);
  },
  undo(step) {
    const { place, qemu, change } = step;
    const now = recorded(step);
    const isOurs = isSame(now, change.after) ||
      (step.holder !== undefined && isSame(now, keptWay(change)));
    if (!isOurs) return;
    const back = { uuid: change.uuid, after: change.before };
    changeOwnRecord(place, qemu, back);
  },
  confirm: (step) => isSame(recorded(step), step.change.after),
  describe: ({ place, change }) => ({
    step: change.after === null
      ? `remove ${change.uuid} from the tool's own record`
      : `record ${
        subjectOf(change)
      } of ${change.uuid} in the tool's own record`,
    host: `write and fsync kvm-hotplug/${place.lockKey}.json`,
    undo: change.before === null ? "remove it again" : "restore the old entry",
  }),
});
