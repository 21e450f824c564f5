/**
 * The kinds of steps that only NICs have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepKind } from "../engine/world.ts";
import { ATTACH_TAP_STEP, type AttachTapStep } from "./attach_step.ts";
import { NETDEV_STEPS, type NetdevStep } from "./netdev_steps.ts";
import { TAP_STEPS, type TapStep } from "./tap_steps.ts";

/** A step of a plan for a NIC. */
export type NicStep = EngineStep | TapStep | AttachTapStep | NetdevStep;

/** Those that only NICs have. */
export const NIC_STEPS: readonly StepKind[] = [
  ...TAP_STEPS,
  ATTACH_TAP_STEP,
  ...NETDEV_STEPS,
];
