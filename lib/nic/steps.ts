/**
 * The kinds of steps that only NICs have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepKind } from "../engine/world.ts";
import { ATTACH_TAP_STEP } from "./attach_step.ts";
import { DROP_FD_NAMES_STEP, type DropFdNamesStep } from "./fd_names_step.ts";
import { DROP_NETDEV_STEP } from "./netdev_step.ts";
import type {
  AttachTapStep,
  AwaitTapGoneStep,
  DropNetdevStep,
  NicFilesStep,
  OpenTapStep,
  OpenVhostStep,
} from "./step_types.ts";
import {
  AWAIT_TAP_GONE_STEP,
  MAKE_TAP_STEP,
  type MakeTapStep,
  NIC_FILES_STEP,
  OPEN_TAP_STEP,
  OPEN_VHOST_STEP,
  REMOVE_TAP_STEP,
  type RemoveTapStep,
} from "./tap_steps.ts";

/** A step of a plan for a NIC. */
export type NicStep =
  | EngineStep
  | OpenTapStep
  | OpenVhostStep
  | AttachTapStep
  | DropNetdevStep
  | NicFilesStep
  | AwaitTapGoneStep
  | MakeTapStep
  | RemoveTapStep
  | DropFdNamesStep;

/** Those that only NICs have. */
export const NIC_STEPS: readonly StepKind[] = [
  OPEN_TAP_STEP,
  OPEN_VHOST_STEP,
  ATTACH_TAP_STEP,
  DROP_NETDEV_STEP,
  NIC_FILES_STEP,
  AWAIT_TAP_GONE_STEP,
  MAKE_TAP_STEP,
  REMOVE_TAP_STEP,
  DROP_FD_NAMES_STEP,
];
