/**
 * The result of an operation.
 *
 * @module
 */

import type { Action, Adoption, DeviceView } from "../engine/plan.ts";
import type { StepDescription } from "../engine/verbs.ts";
import type { Remark } from "../errors.ts";

/** The result of an operation. */
export interface Outcome {
  /** As in the request. */
  readonly instance: string;
  /** Also given if there was nothing to do. */
  readonly action: Action;
  /** False after a dry run, and if there was nothing to change. */
  readonly changed: boolean;
  /** Null if the device to remove does not exist. */
  readonly device: DeviceView | null;
  /** Only for `adopt`. */
  readonly adoption?: Adoption;
  /** Warnings that the user accepted. */
  readonly warnings: readonly Remark[];
  /**
   * Things that an earlier call left and that were repaired first. @default
   * none
   */
  readonly settled?: readonly Remark[];
  /** The entry that was recorded or removed, as JSON text. */
  readonly entry?: string | undefined;
  /** Only for a request that is a row of operations. */
  readonly row?: {
    /**
     * The present amount, or the amount after a dry run's operations, in its
     * unit.
     */
    readonly reached: number;
    /** What was asked for, for people, and what is there. */
    readonly has: string;
    /** In their order. */
    readonly operations: readonly Outcome[];
  };
  /** The steps that a dry run did not carry out; undefined if it was none. */
  readonly plan?: readonly StepDescription[] | undefined;
}
