/**
 * The decisions before anything is done.
 *
 * @module
 */

import type { Remark } from "../errors.ts";
import type { ExactNumber } from "../qmp/exact_json.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import type { Step } from "./verbs.ts";
import type { ACTION, DEVICE_MEMBERS } from "./view_schema.ts";

/** The members of every device. */
type AnyDevice = ObjectOf<typeof DEVICE_MEMBERS, None>;

/** A device in the form that a caller gets: INTERFACE, "JSON". */
export interface DeviceView extends AnyDevice {
  /** Members that only devices of one kind, or on one kind of bus, have. */
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

/** The action of an operation on its device; callers get the word. */
export type Action = Told<typeof ACTION>;

/** The result for the devices that QEMU has and the file lacks. */
export interface Adoption {
  /** In their recorded form. */
  readonly adopted: readonly DeviceView[];
  /** Devices that are left alone. */
  readonly remaining: readonly Remark[];
}

/** The way to go with an interrupted operation. */
export type Course = "finish" | "take-back";

/** An operation as data; the only thing that apply runs. */
export interface Plan {
  /** For messages and the document; the steps do not depend on it. */
  readonly action: Action;
  /** For messages and the document; the steps hold full paths. */
  readonly instance: string;
  /** The user's name of the device: `disk 1`. */
  readonly title: string;
  /**
   * The device after the operation, or before its removal, without values that
   * a step will find. Null if there is no device.
   */
  readonly device: DeviceView | null;
  /** Only for `adopt`. */
  readonly adoption?: Adoption;
  /** Words of the kinds of devices that supply its steps. */
  readonly kinds: readonly string[];
  /** Done in this order, undone in reverse. */
  readonly steps: readonly Step[];
  /**
   * Index of the step in which the guest takes part and that decides the way
   * after a kill; null: there is none, and `ifCut` decides.
   */
  readonly turn: number | null;
  /** The way after a kill, if no step decides it. */
  readonly ifCut: Course;
  /** Warnings that the user accepts with it. */
  readonly warnings: readonly Remark[];
  /** Remarks that are true once it is carried out. @default none */
  readonly done?: readonly Remark[];
}

/** A plan in which the turning step is given as a step. */
export interface PlanDraft
  extends
    Omit<Plan, "kinds" | "steps" | "turn" | "ifCut" | "warnings">,
    Partial<Pick<Plan, "kinds">> {
  /** As in the plan. */
  readonly steps: readonly (Step | undefined)[];
  /** One of the steps, undefined if there is none. */
  readonly turn?: Step | undefined;
  /** As in the plan. @default "take-back" */
  readonly ifCut?: Course;
  /** As in the plan. @default none */
  readonly warnings?: readonly (Remark | undefined)[];
}

/**
 * Makes a plan of a draft; undefined steps and warnings are left out. Without a
 * step there is nothing to do.
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
