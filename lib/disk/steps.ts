/**
 * The kinds of steps that only disks have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepKind } from "../engine/world.ts";
import { BLOCK_STEPS, type BlockStep } from "./block_steps.ts";
import { CHANGE_STEPS, type ChangeStep } from "./change_steps.ts";
import { DISK_LINKS_STEP, type DiskLinksStep } from "./links_step.ts";
import { CHANGE_MEDIUM_STEP, type ChangeMediumStep } from "./medium_step.ts";
import { VERIFY_SCSI_STEP, type VerifyScsiStep } from "./scsi_place.ts";
import { SOURCE_STEPS, type SourceStep } from "./source_steps.ts";
import { WAY_STEPS, type WayStep } from "./way_steps.ts";

/** A step of a plan for a disk. */
export type DiskStep =
  | EngineStep
  | SourceStep
  | WayStep
  | BlockStep
  | ChangeStep
  | VerifyScsiStep
  | ChangeMediumStep
  | DiskLinksStep;

/** Those that only disks have. */
export const DISK_STEPS: readonly StepKind[] = [
  ...SOURCE_STEPS,
  ...WAY_STEPS,
  ...BLOCK_STEPS,
  ...CHANGE_STEPS,
  VERIFY_SCSI_STEP,
  CHANGE_MEDIUM_STEP,
  DISK_LINKS_STEP,
];
