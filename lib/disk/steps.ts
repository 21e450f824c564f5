/**
 * The kinds of steps that only disks have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepOf } from "../engine/world.ts";
import { BLOCK_STEPS } from "./block_steps.ts";
import { CHANGE_STEPS } from "./change_steps.ts";
import { DISK_LINKS_STEP } from "./links_step.ts";
import { CHANGE_MEDIUM_STEP } from "./medium_step.ts";
import { VERIFY_SCSI_STEP } from "./scsi_place.ts";
import { SOURCE_STEPS } from "./source_steps.ts";
import { WAY_STEPS } from "./way_steps.ts";

/** Those that only disks have. */
export const DISK_STEPS = [
  ...SOURCE_STEPS,
  ...WAY_STEPS,
  ...BLOCK_STEPS,
  ...CHANGE_STEPS,
  VERIFY_SCSI_STEP,
  CHANGE_MEDIUM_STEP,
  DISK_LINKS_STEP,
];

/** A step of a plan for a disk. */
export type DiskStep = EngineStep | StepOf<typeof DISK_STEPS>;
