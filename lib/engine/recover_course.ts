/**
 * Whether an interrupted operation is finished or taken back. Pure; the rule:
 * - An operation that had reached its record, or had nothing to ask of the
 *   guest, is finished. Exception: an addition with a device that is gone is
 *   taken back, and never plugged once more.
 * - An addition is taken back, unless the guest has the device already and the
 *   undo had not begun.
 * - A removal is finished once the guest was asked to release the device; if
 *   the guest still does not, it stays recorded, as pending.
 * - A new size that the guest has seen is recorded: it cannot be taken back,
 *   and neither can a medium without its block node.
 * - If QEMU is gone, nothing is left to do or undo in QEMU: the node and the
 *   file are brought to the state that was true when QEMU ended.
 *
 * @module
 */

import type { Course, Plan } from "./plan.ts";
import type { Effect, Step } from "./verbs.ts";
import type { StepTable } from "./world.ts";

/** The answers of reality about an interrupted operation. */
export interface Reality {
  /** Whether the QEMU in which it began still runs. */
  readonly qemu: "same" | "gone";
  /**
   * Effect of the last step, which records the change; undefined: there is
   * none.
   */
  readonly committed: Effect | undefined;
  /** Effect of the turning step; undefined: not asked. */
  readonly turned: Effect | undefined;
}

/**
 * The turning step of a plan that does not mark it: the first step in which the
 * guest takes part; but if several devices are plugged, the last of them,
 * because the earlier ones carry it. Null if there is none.
 */
export function turningStep(
  steps: readonly Step[],
  table: StepTable,
): number | null {
  const turns = steps.map((step) => table.traits(step).turn);
  const first = turns.findIndex((turn) => turn !== null);
  if (first < 0) return null;
  return turns[first] === "plug" ? turns.lastIndexOf("plug") : first;
}

/** An interrupted operation, by its journal. */
export interface Interrupted {
  readonly plan: Plan;
  /** The last step that was begun; -1 if none was. */
  readonly begun: number;
  /** Whether the undo had begun. */
  readonly undoing: boolean;
}

/**
 * The position of an operation relative to its turning step: before it, in it,
 * or after it; and whether an exchanged thing cannot come back.
 */
function positionOf(
  { plan: { steps, turn }, begun }: Interrupted,
  table: StepTable,
) {
  const step = turn === null ? undefined : steps[turn];
  if (turn === null || step === undefined) {
    return { turn: null, at: "behind", isFinal: false } as const;
  }
  const later = steps.slice(turn + 1, Math.max(begun, turn + 1));
  return {
    turn: table.traits(step).turn,
    at: begun < turn ? "before" : begun === turn ? "in" : "behind",
    isFinal: later.some((one) => table.traits(one).exchange === "final"),
  };
}

/** Chooses the way. */
export function courseOf(
  journal: Interrupted,
  { qemu, committed, turned }: Reality,
  table: StepTable,
): Course {
  const { plan, undoing } = journal;
  const { turn, at, isFinal } = positionOf(journal, table);
  const isStill = turned === "done" && qemu === "same";
  if (turn === "exchange" && isStill && isFinal) return "finish";
  const isLost = turn === "plug" && qemu === "same" && turned === "not-done";
  if (committed === "done" && !undoing && !isLost) return "finish";
  if (at === "before") return "take-back";
  switch (turn) {
    case "release":
      // The line of the next step shows that the guest had released it.
      if (qemu === "gone") return at === "behind" ? "finish" : "take-back";
      return undoing && turned !== "done" ? "take-back" : "finish";
    case "lasting":
      return turned === "done" ? "finish" : "take-back";
    case "plug":
    case "exchange":
      if (qemu === "gone" || undoing) return "take-back";
      return turned === "done" ? "finish" : "take-back";
    case null:
      return plan.ifCut;
    default:
      return turn satisfies never;
  }
}
