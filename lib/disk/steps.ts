/**
 * The kinds of steps that only disks have.
 *
 * @module
 */

import type { EngineStep } from "../engine/steps.ts";
import type { StepKind } from "../engine/world.ts";
import {
  DROP_DRIVE_STEP,
  DROP_NODE_STEP,
  type DropDriveStep,
  type DropNodeStep,
} from "./block_steps.ts";
import {
  LIMIT_DISK_STEP,
  type LimitDiskStep,
  RESIZE_DISK_STEP,
  type ResizeDiskStep,
} from "./change_steps.ts";
import { DISK_LINKS_STEP, type DiskLinksStep } from "./links_step.ts";
import { CHANGE_MEDIUM_STEP, type ChangeMediumStep } from "./medium_step.ts";
import { VERIFY_SCSI_STEP, type VerifyScsiStep } from "./scsi_steps.ts";
import {
  AWAIT_RELEASE_STEP,
  type AwaitReleaseStep,
  OPEN_SOURCE_STEP,
  type OpenSourceStep,
} from "./source_steps.ts";
import {
  GIVE_OWNER_STEP,
  MAKE_NODE_STEP,
  PROBE_PATH_STEP,
  REMOVE_NODE_STEP,
  RETURN_OWNER_STEP,
  VERIFY_OPEN_STEP,
  type WayStep,
} from "./way_steps.ts";

/** A step of a plan for a disk. */
export type DiskStep =
  | EngineStep
  | OpenSourceStep
  | AwaitReleaseStep
  | WayStep
  | DropDriveStep
  | DropNodeStep
  | ResizeDiskStep
  | LimitDiskStep
  | VerifyScsiStep
  | ChangeMediumStep
  | DiskLinksStep;

/** Those that only disks have. */
export const DISK_STEPS: readonly StepKind[] = [
  OPEN_SOURCE_STEP,
  AWAIT_RELEASE_STEP,
  PROBE_PATH_STEP,
  VERIFY_OPEN_STEP,
  GIVE_OWNER_STEP,
  RETURN_OWNER_STEP,
  MAKE_NODE_STEP,
  REMOVE_NODE_STEP,
  DROP_DRIVE_STEP,
  DROP_NODE_STEP,
  RESIZE_DISK_STEP,
  LIMIT_DISK_STEP,
  VERIFY_SCSI_STEP,
  CHANGE_MEDIUM_STEP,
  DISK_LINKS_STEP,
];
