/**
 * The kinds of steps that any plan may have.
 *
 * @module
 */

import { OWN_RECORD_STEP } from "./own_steps.ts";
import { QMP_STEP, UNPLUG_STEP, VERIFY_DEVICE_STEP } from "./qmp_steps.ts";
import {
  COMMIT_STATE_STEP,
  CREATE_STATE_STEP,
  REMOVE_LEFTOVER_STEP,
  STAGE_STATE_STEP,
} from "./state_steps.ts";
import type { StepOf } from "./world.ts";

/** Kinds of steps that do not belong to a kind of device. */
export const ENGINE_STEPS = [
  QMP_STEP,
  UNPLUG_STEP,
  VERIFY_DEVICE_STEP,
  STAGE_STATE_STEP,
  COMMIT_STATE_STEP,
  CREATE_STATE_STEP,
  OWN_RECORD_STEP,
  REMOVE_LEFTOVER_STEP,
];

/** A step that does not belong to a kind of device. */
export type EngineStep = StepOf<typeof ENGINE_STEPS>;
