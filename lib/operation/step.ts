/**
 * The steps of a plan, as plain JSON. What a step does, how it is taken back
 * and how reality is asked whether it took effect: {@linkcode verbsOf}.
 *
 * @module
 */

import type { RuntimeChange } from "../state/runtime_change.ts";
import type { StagedChange } from "../state/runtime_file.ts";
import type { Json } from "../qmp/message.ts";
import type { AccessStep, OwnRecordStep } from "../disk/way_steps.ts";
import { accessVerbs } from "./step_access.ts";
import { accessTapVerbs } from "./step_access_tap.ts";
import type { NicStep } from "../nic/steps.ts";
import { attachVerbs } from "../nic/attach_step.ts";
import { type BlockStep, blockVerbs } from "../disk/block_steps.ts";
import { type CreateStateStep, createVerbs } from "./step_create.ts";
import { hostVerbs } from "../nic/tap_steps.ts";
import { netdevVerbs } from "../nic/netdev_step.ts";
import { ownVerbs } from "../engine/own_steps.ts";
import { qmpVerbs } from "../engine/qmp_steps.ts";
import { type RepairStep, repairVerbs } from "./step_repair.ts";
import { stateVerbs } from "../engine/state_steps.ts";
import { type ScsiStep, scsiVerbs } from "../disk/scsi_steps.ts";
import type { World } from "../engine/world.ts";

/** A command for QEMU. */
export interface QmpCommand {
  /** As on the wire, e.g. `blockdev-add`. */
  readonly execute: string;
  /** As on the wire; empty if it takes none. */
  readonly arguments: Json;
}

/**
 * A command that changes QEMU. `fd` names an fd of the {@linkcode World}; it
 * goes with the command, and our copy is closed afterwards whatever happened.
 */
export interface QmpStep extends QmpCommand {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "qmp";
  /** e.g. `source`, `tap:0`; an earlier step must have opened it. */
  readonly fd?: string;
  /** Takes it back; null where there is nothing to take back. */
  readonly undo: QmpCommand | null;
}

/** Asks the guest to release a device and waits until it has. */
export interface UnplugStep {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "unplug";
  /** Device id, as DEVICE_DELETED reports it. */
  readonly id: string;
  /** What the user calls it, for messages: `disk 1`. */
  readonly title: string;
  /** Unless it is `running`, no guest could answer: no wait. */
  readonly runState: string;
  /** When an earlier call asked the guest, ISO 8601: not asked again at once. */
  readonly requestedAt?: string;
  /** What plugs it in again; without it, what is released stays so. */
  readonly putBack?: readonly QmpCommand[];
}

/** Asks `query-pci` whether a device sits where the plan put it. */
export interface VerifyDeviceStep {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "verify-device";
  /** Device id, `qdev_id` of `query-pci`. */
  readonly id: string;
  /** 0 to 31. */
  readonly slot: number;
}

/** Opens a disk's source for QEMU; the fd is then called `source`. */
export interface OpenSourceStep {
  /** Carried out by ./step_host.ts. */
  readonly kind: "open-source";
  /** Absolute. */
  readonly path: string;
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** Must agree with the block node's `read-only`. */
  readonly access: "rw" | "ro";
  /** O_DIRECT; must agree with the block node's `cache.direct`. */
  readonly direct: boolean;
  /** Name of the O_PATH fd it was looked at by. @default "source-pin" */
  readonly pin?: string;
}

/** Waits until QEMU holds no fd of a disk any more. */
export interface AwaitReleaseStep {
  /** Carried out by ./step_host.ts. */
  readonly kind: "await-release";
  /** QEMU's. */
  readonly pid: number;
  /** The disk: {@linkcode identityOf}. */
  readonly identity: string;
}

/** Writes and syncs the new runtime file beside the old one. */
export interface StageStateStep extends StagedChange {
  /** Carried out by ./step_state.ts. */
  readonly kind: "stage-state";
}

/** Puts the staged runtime file in the old one's place. */
export interface CommitStateStep extends StagedChange {
  /** Carried out by ./step_state.ts. */
  readonly kind: "commit-state";
  /** The change that takes it back. */
  readonly inverse: RuntimeChange;
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

/** One entry for each kind of step. */
export type VerbTable = {
  readonly [K in Step["kind"]]: Verbs<Extract<Step, { kind: K }>>;
};

const VERBS: VerbTable = {
  ...qmpVerbs,
  ...scsiVerbs,
  ...blockVerbs,
  ...createVerbs,
  ...hostVerbs,
  ...attachVerbs,
  ...netdevVerbs,
  ...stateVerbs,
  ...ownVerbs,
  ...repairVerbs,
  ...accessVerbs,
  ...accessTapVerbs,
};

/** The verbs of a step's kind. */
export function verbsOf(step: Step): Verbs<Step> {
  // The table's type ties each kind to its verbs; an index by a union loses it.
  return VERBS[step.kind] as Verbs<Step>;
}
