/**
 * Things on which runtime file, QEMU and node do not agree.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import type { Step } from "../operation/step.ts";

/** One thing on which they do not agree. */
export interface Finding {
  /** One line for a person. */
  readonly what: string;
  /** What was done, once it is; undefined if it is not ours to do. */
  readonly did?: string;
  /** What mends it, if it is ours to do. */
  readonly plan?: Plan;
  /** The command that would mend it, or what a person should look at. */
  readonly hint?: string;
}

/** Words of a command line of ours, without the program's name. */
export type FormatCommand = (words: readonly string[]) => string;

/** What all plans of repair have in common. */
export function repairPlan(
  instance: string,
  title: string,
  steps: readonly Step[],
): Plan {
  return {
    action: "remove",
    instance,
    title,
    device: null,
    steps,
    warnings: [],
  };
}
