/**
 * What putting an instance in order comes to.
 *
 * @module
 */

import type { Step } from "./step.ts";

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
