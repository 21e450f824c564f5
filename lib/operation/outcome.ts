/**
 * What an operation came to.
 *
 * @module
 */

import type { Action, Adoption, DeviceView } from "../engine/plan.ts";
import type { StepDescription } from "../engine/verbs.ts";
import type { Remark } from "../errors.ts";

/** What an operation came to. */
export interface Outcome {
  /** As in the request. */
  readonly instance: string;
  /** Also said where there was nothing to do. */
  readonly action: Action;
  /** False after a dry run, and where all was so already. */
  readonly changed: boolean;
  /** Null if what was to be removed is not there. */
  readonly device: DeviceView | null;
  /** Only of `adopt`. */
  readonly adoption?: Adoption;
  /** What the user accepted. */
  readonly warnings: readonly Remark[];
  /** What an earlier call had left, and was put in order. @default nothing */
  readonly settled?: readonly Remark[];
  /** The entry that was recorded or taken out, as JSON text. */
  readonly entry?: string | undefined;
  /** Only of a request that is a row of operations. */
  readonly row?: {
    /** What there is now, or after a dry run's operations, in its unit. */
    readonly reached: number;
    /** The same for people: `3 processors`. */
    readonly has: string;
    /** In their order. */
    readonly operations: readonly Outcome[];
  };
  /** The steps that a dry run did not take; undefined if it was none. */
  readonly plan?: readonly StepDescription[] | undefined;
}
