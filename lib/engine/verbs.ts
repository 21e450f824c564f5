/**
 * QMP commands as a person reads them.
 *
 * @module
 */

import type { BlockStep } from "../disk/block_steps.ts";
import type { ScsiStep } from "../disk/scsi_steps.ts";
import type { AwaitReleaseStep, OpenSourceStep } from "../disk/source_steps.ts";
import type { AccessStep } from "../disk/way_steps.ts";
import type { NicStep } from "../nic/steps.ts";
import type { Json } from "../qmp/message.ts";
import type { RepairStep } from "./leftover.ts";
import type { OwnRecordStep } from "./own_steps.ts";
import type { QmpStep, UnplugStep, VerifyDeviceStep } from "./qmp_steps.ts";
import type {
  CommitStateStep,
  CreateStateStep,
  StageStateStep,
} from "./state_steps.ts";
import type { World } from "./world.ts";

/** The command's name and its arguments as JSON. */
export function formatCommand(command: QmpCommand): string {
  return `${command.execute} ${JSON.stringify(command.arguments)}`;
}

/** A command for QEMU. */
export interface QmpCommand {
  /** As on the wire, e.g. `blockdev-add`. */
  readonly execute: string;
  /** As on the wire; empty if it takes none. */
  readonly arguments: Json;
}

/** One thing an operation does, as plain JSON. */
export type Step =
  | QmpStep
  | UnplugStep
  | VerifyDeviceStep
  | ScsiStep
  | BlockStep
  | CreateStateStep
  | OpenSourceStep
  | NicStep
  | RepairStep
  | AwaitReleaseStep
  | StageStateStep
  | CommitStateStep
  | OwnRecordStep
  | AccessStep;

/** Has a step taken effect? `unknown`: nothing can tell. */
export type Effect = "done" | "not-done" | "unknown";

/** What a person is shown of a step. */
export interface StepDescription {
  /** One line, e.g. `make a tap`. */
  readonly step: string;
  /** The command, null if it is this node that acts. */
  readonly qmp: QmpCommand | null;
  /** The action on this node, null if it is QEMU that acts. */
  readonly host: string | null;
  /** How it is taken back, null if there is nothing to take back. */
  readonly undo: string | null;
}

/** What can be done with a step of one kind. */
export interface Verbs<S extends Step> {
  /** May throw half-way: undo then follows. */
  do(step: S, world: World): Promise<void>;
  /**
   * Takes back what is there of the step, all or part of it or nothing; may be
   * repeated. Throws if something stays.
   */
  undo(step: S, world: World): Promise<void>;
  /** Asks QEMU, the host or the file; never memory. */
  confirm(step: S, world: World): Promise<Effect>;
  /** Pure: `--dry-run` and the trace show it. */
  describe(step: S): StepDescription;
}
