/**
 * The kinds of steps that any plan may have.
 *
 * @module
 */

import { REMOVE_LEFTOVER_STEP, type RemoveLeftoverStep } from "./leftover.ts";
import { OWN_RECORD_STEP, type OwnRecordStep } from "./own_steps.ts";
import {
  QMP_STEP,
  type QmpStep,
  UNPLUG_STEP,
  type UnplugStep,
  VERIFY_DEVICE_STEP,
  type VerifyDeviceStep,
} from "./qmp_steps.ts";
import {
  COMMIT_STATE_STEP,
  type CommitStateStep,
  CREATE_STATE_STEP,
  type CreateStateStep,
  STAGE_STATE_STEP,
  type StageStateStep,
} from "./state_steps.ts";
import type { StepKind } from "./world.ts";

/** A step that is not particular to a kind of device. */
export type EngineStep =
  | QmpStep
  | UnplugStep
  | VerifyDeviceStep
  | StageStateStep
  | CommitStateStep
  | CreateStateStep
  | OwnRecordStep
  | RemoveLeftoverStep;

/** Their kinds. */
export const ENGINE_STEPS: readonly StepKind[] = [
  QMP_STEP,
  UNPLUG_STEP,
  VERIFY_DEVICE_STEP,
  STAGE_STATE_STEP,
  COMMIT_STATE_STEP,
  CREATE_STATE_STEP,
  OWN_RECORD_STEP,
  REMOVE_LEFTOVER_STEP,
];
