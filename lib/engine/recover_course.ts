/**
 * Whether an interrupted operation is finished or taken back. Pure; the rule:
 *
 * - what had reached its record, or had nothing to ask of the guest, is
 *   finished, but for an addition whose device is gone: it is taken back, never
 *   plugged once more;
 * - an addition is taken back, unless the guest has the device already and
 *   nobody had begun to take it back;
 * - a removal is finished once the guest was asked to release the device; if
 *   the guest still does not, it stays recorded, as pending;
 * - a new size that the guest has seen is recorded: it cannot be taken back,
 *   nor can a medium whose block node is gone;
 * - of a QEMU that is gone nothing is left to do or undo: what the node and the
 *   file have of the operation is brought to what was true when it ended.
 *
 * @module
 */

import type { LeftJournal } from "./journal_read.ts";
import type { Effect, Step } from "./verbs.ts";

/** Which way to go. */
export type Course = "finish" | "take-back";

/** What reality says of an interrupted operation. */
export interface Reality {
  /** Whether the QEMU it was begun in still runs. */
  readonly qemu: "same" | "gone";
  /** Of the last step, which records the change; undefined: it has none. */
  readonly committed: Effect | undefined;
  /** Of the step {@linkcode turningPoint}; undefined: not asked. */
  readonly turned: Effect | undefined;
}

function plugsDevice(step: Step): boolean {
  return step.kind === "qmp" && step.execute === "device_add";
}

/**
 * The step that the guest takes part in, -1 if none does. A NIC that is
 * replaced is put back by undoing, until the new one is there; a controller is
 * plugged before what is to sit on it.
 */
export function turningPoint(steps: readonly Step[]): number {
  const first = steps.findIndex((step) =>
    (step.kind === "unplug" && step.putBack === undefined) ||
    step.kind === "resize-disk" || step.kind === "change-medium" ||
    plugsDevice(step)
  );
  const turn = steps[first];
  return turn && plugsDevice(turn) ? steps.findLastIndex(plugsDevice) : first;
}

/** Whether a medium was exchanged and QEMU let go of the old one. */
function isDropped(
  steps: readonly Step[],
  begun: number,
  turn: number,
): boolean {
  if (steps[turn]?.kind !== "change-medium") return false;
  return steps.some((step, at) =>
    at > turn && at < begun && step.kind === "qmp" &&
    step.execute === "blockdev-del"
  );
}

/** Chooses the way. */
export function courseOf(
  { plan, begun, undoing }: Pick<LeftJournal, "plan" | "begun" | "undoing">,
  { qemu, committed, turned }: Reality,
): Course {
  const turn = turningPoint(plan.steps);
  const isStill = turned === "done" && qemu === "same";
  if (isStill && isDropped(plan.steps, begun, turn)) return "finish";
  const plugs = plan.steps[turn]?.kind === "qmp";
  const isLost = plugs && qemu === "same" && turned === "not-done";
  if (committed === "done" && !undoing && !isLost) return "finish";
  if (begun < turn) return "take-back";
  if (plan.steps[turn]?.kind === "unplug") {
    // The line of the next step tells that the guest had released it.
    if (qemu === "gone") return begun > turn ? "finish" : "take-back";
    return undoing && turned !== "done" ? "take-back" : "finish";
  }
  if (plan.steps[turn]?.kind === "resize-disk") {
    return turned === "done" ? "finish" : "take-back";
  }
  if (turn < 0) return plan.action === "remove" ? "finish" : "take-back";
  if (qemu === "gone" || undoing) return "take-back";
  return turned === "done" ? "finish" : "take-back";
}
