/**
 * Things on which runtime file, QEMU and node do not agree.
 *
 * @module
 */

import type { RunOptions } from "../engine/options.ts";
import type { Plan } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";

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

/** Something that was put in order. */
export interface Repaired {
  /** What it was. */
  readonly what: string;
  /** What was done about it. */
  readonly did: string;
}

/** Something that is left. */
export interface Remaining {
  /** What it is. */
  readonly what: string;
  /** The command that would mend it, or what a person should look at. */
  readonly hint: string;
}

/** What putting an instance in order came to. */
export interface RepairOutcome {
  /** As in the request. */
  readonly instance: string;
  /** In the order it was done. */
  readonly repaired: readonly Repaired[];
  /** File, QEMU and node agree if there is none. */
  readonly remaining: readonly Remaining[];
  /** Removals that wait for the guest; they are in order. */
  readonly pending: readonly string[];
  /** Whether QEMU was compared, too. */
  readonly qemu: "runs" | "down";
  /** Of a dry run: what would be done. */
  readonly plan?: readonly Step[] | undefined;
}

/** How an instance is put in order. */
export interface RepairOptions extends RunOptions {
  /** Makes a command of ours that reaches the same instance. */
  readonly format: FormatCommand;
}
