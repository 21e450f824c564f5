/**
 * What is decided before anything is done.
 *
 * @module
 */

import type { Remark } from "../errors.ts";
import type { ExactNumber } from "../qmp/exact_json.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import type { Step } from "./verbs.ts";
import type { ACTION, DEVICE_MEMBERS } from "./view_schema.ts";

/** What every device has. */
type AnyDevice = ObjectOf<typeof DEVICE_MEMBERS, None>;

/** A device as a caller is told of it: INTERFACE, "JSON". */
export interface DeviceView extends AnyDevice {
  /** What only devices of one kind, or on one kind of bus, have. */
  readonly [detail: string]:
    | string
    | number
    | boolean
    | null
    | undefined
    | ExactNumber
    | Readonly<Record<string, number>>
    | readonly unknown[];
}

/** What an operation does to its device; callers see the word. */
export type Action = Told<typeof ACTION>;

/** What became of the devices that QEMU has and the file lacks. */
export interface Adoption {
  /** As they are recorded now. */
  readonly adopted: readonly DeviceView[];
  /** What is left alone. */
  readonly remaining: readonly Remark[];
}

/** Which way to go with an interrupted operation. */
export type Course = "finish" | "take-back";

/** An operation, all of it data; the only thing apply runs. */
export interface Plan {
  /** For messages and the document; the steps do not depend on it. */
  readonly action: Action;
  /** For messages and the document; the steps hold full paths. */
  readonly instance: string;
  /** What the user calls the device: `disk 1`. */
  readonly title: string;
  /**
   * As it will be, or as it was; what a step finds out is not in it yet. Null
   * if it is about no device.
   */
  readonly device: DeviceView | null;
  /** Only of `adopt`. */
  readonly adoption?: Adoption;
  /** Words of the kinds of devices that bring its steps. */
  readonly kinds: readonly string[];
  /** Done in this order, undone in reverse. */
  readonly steps: readonly Step[];
  /**
   * Index of the step that the guest takes part in and that decides which way
   * to go after a kill; null: there is none, and `ifCut` decides.
   */
  readonly turn: number | null;
  /** Which way to go after a kill, where no step decides that. */
  readonly ifCut: Course;
  /** What the user accepts with it. */
  readonly warnings: readonly Remark[];
}

/** A plan whose turning step is named by the step itself. */
export interface PlanDraft
  extends
    Omit<Plan, "kinds" | "steps" | "turn" | "ifCut" | "warnings">,
    Partial<Pick<Plan, "kinds">> {
  /** As in the plan. */
  readonly steps: readonly (Step | undefined)[];
  /** One of the steps, undefined if none is one. */
  readonly turn?: Step | undefined;
  /** As in the plan. @default "take-back" */
  readonly ifCut?: Course;
  /** As in the plan. @default none */
  readonly warnings?: readonly (Remark | undefined)[];
}

/**
 * Makes a plan of a draft; steps and warnings that are undefined are not
 * needed. Without a step there is nothing to do.
 */
export function planOf(
  { steps, turn, ifCut, warnings = [], ...rest }: PlanDraft,
): Plan {
  const needed = steps.filter((step) => step !== undefined);
  const at = turn === undefined ? -1 : needed.indexOf(turn);
  return {
    kinds: [],
    ...rest,
    warnings: warnings.filter((one) => one !== undefined),
    steps: needed,
    turn: at < 0 ? null : at,
    ifCut: ifCut ?? "take-back",
  };
}
