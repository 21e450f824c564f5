/**
 * The steps of a plan, as plain JSON. What a step does, how it is taken back
 * and how reality is asked whether it took effect: {@linkcode verbsOf}.
 *
 * @module
 */

import type { RuntimeChange } from "../state/runtime_change.ts";
import type { StagedChange } from "../state/runtime_file.ts";
import type { Json } from "../qmp/message.ts";
import { hostVerbs } from "./step_host.ts";
import { qmpVerbs } from "./step_qmp.ts";
import { stateVerbs } from "./step_state.ts";
import type { World } from "./world.ts";

/** A command for QEMU. */
export interface QmpCommand {
  readonly execute: string;
  readonly arguments: Json;
}

/**
 * A command that changes QEMU. `fd` names an fd of the {@linkcode World}; it
 * goes with the command, and our copy is closed afterwards whatever happened.
 */
export interface QmpStep extends QmpCommand {
  readonly kind: "qmp";
  readonly fd?: string;
  /** Takes it back; null where there is nothing to take back. */
  readonly undo: QmpCommand | null;
}

/** Asks the guest to release a device and waits until it has. */
export interface UnplugStep {
  readonly kind: "unplug";
  readonly id: string;
  /** What the user calls it, for messages: `disk 1`. */
  readonly title: string;
  /** Unless it is `running`, no guest could answer: no wait. */
  readonly runState: string;
}

/** Asks `query-pci` whether a device sits where the plan put it. */
export interface VerifyDeviceStep {
  readonly kind: "verify-device";
  readonly id: string;
  readonly slot: number;
}

/** Opens a disk's source for QEMU; the fd is then called `source`. */
export interface OpenSourceStep {
  readonly kind: "open-source";
  readonly path: string;
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  readonly access: "rw" | "ro";
  readonly direct: boolean;
}

/**
 * Makes a tap with an fd per queue, then called `tap:0`, `tap:1`, …; the name
 * the kernel gave is then the value `tap`.
 */
export interface OpenTapStep {
  readonly kind: "open-tap";
  readonly name: string | null;
  readonly queues: number;
  readonly vnetHdr: "on" | "off";
}

/** Opens /dev/vhost-net once per queue: `vhost:0`, `vhost:1`, … */
export interface OpenVhostStep {
  readonly kind: "open-vhost";
  readonly queues: number;
}

/** Makes the tap a port of a bridge, with iproute2. */
export interface BridgePortStep {
  readonly kind: "bridge-port";
  readonly bridge: string;
}

/** Runs a network script on the tap, as Ganeti would. */
export interface NetworkScriptStep {
  readonly kind: "network-script";
  readonly path: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A NIC file's content: a tap's name, `{"value":"tap"}` for the new one. */
export type TapName = string | { readonly value: "tap" };

/** Brings the files `nic/INSTANCE/SEQ` from one content to another. */
export interface NicFilesStep {
  readonly kind: "nic-files";
  readonly directory: string;
  /** `missing`: it is made, and removed again on the way back. */
  readonly directoryWas: "there" | "missing";
  /** By file name; a file that is in one of them only is made or removed. */
  readonly before: Readonly<Record<string, string>>;
  readonly after: Readonly<Record<string, TapName>>;
}

/** Waits until QEMU holds no fd of a disk any more. */
export interface AwaitReleaseStep {
  readonly kind: "await-release";
  readonly pid: number;
  readonly identity: string;
}

/** Waits until the kernel has removed a tap. */
export interface AwaitTapGoneStep {
  readonly kind: "await-tap-gone";
  readonly tap: string;
}

/** Writes and syncs the new runtime file beside the old one. */
export interface StageStateStep extends StagedChange {
  readonly kind: "stage-state";
}

/** Puts the staged runtime file in the old one's place. */
export interface CommitStateStep extends StagedChange {
  readonly kind: "commit-state";
  /** The change that takes it back. */
  readonly inverse: RuntimeChange;
}

/** One thing an operation does, as plain JSON. */
export type Step =
  | QmpStep
  | UnplugStep
  | VerifyDeviceStep
  | OpenSourceStep
  | OpenTapStep
  | OpenVhostStep
  | BridgePortStep
  | NetworkScriptStep
  | NicFilesStep
  | AwaitReleaseStep
  | AwaitTapGoneStep
  | StageStateStep
  | CommitStateStep;

/** Has a step taken effect? `unknown`: nothing can tell. */
export type Effect = "done" | "not-done" | "unknown";

/** What a person is shown of a step. */
export interface StepDescription {
  readonly step: string;
  readonly qmp: QmpCommand | null;
  /** The action on this node, null if it is QEMU that acts. */
  readonly host: string | null;
  /** How it is taken back, null if there is nothing to take back. */
  readonly undo: string | null;
}

/** What can be done with a step of one kind. */
export interface Verbs<S extends Step> {
  do(step: S, world: World): Promise<void>;
  /**
   * Takes back what is there of the step, all or part of it or nothing; may be
   * repeated. Throws if something stays.
   */
  undo(step: S, world: World): Promise<void>;
  /** Asks QEMU, the host or the file; never memory. */
  confirm(step: S, world: World): Promise<Effect>;
  describe(step: S): StepDescription;
}

/** One entry for each kind of step. */
export type VerbTable = {
  readonly [K in Step["kind"]]: Verbs<Extract<Step, { kind: K }>>;
};

const VERBS: VerbTable = { ...qmpVerbs, ...hostVerbs, ...stateVerbs };

/** The verbs of a step's kind. */
export function verbsOf(step: Step): Verbs<Step> {
  // The table's type ties each kind to its verbs; an index by a union loses it.
  return VERBS[step.kind] as Verbs<Step>;
}
