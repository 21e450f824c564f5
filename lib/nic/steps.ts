/**
 * The kinds of steps that only NICs have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepOf } from "../engine/world.ts";
import { ATTACH_TAP_STEP } from "./attach_step.ts";
import { NETDEV_STEPS } from "./netdev_steps.ts";
import { TUNE_TAP_STEP } from "./tune_step.ts";
import { TAP_STEPS } from "./tap_steps.ts";

/** Those that only NICs have. */
export const NIC_STEPS = [
  ...TAP_STEPS,
  ATTACH_TAP_STEP,
  TUNE_TAP_STEP,
  ...NETDEV_STEPS,
];

/** A step of a plan for a NIC. */
export type NicStep = EngineStep | StepOf<typeof NIC_STEPS>;
