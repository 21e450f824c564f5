/**
 * The steps that let QEMU get at a disk by its path, and note what that
 * changed; as plain JSON.
 *
 * @module
 */

import type { ChrootNode, GivenOwner, KeptTap } from "../host/access_record.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import type { OwnChange, OwnPlace } from "../state/own_record.ts";

/** Changes what the tool's own record has of one device. */
export interface OwnRecordStep {
  /** Carried out by ./step_own.ts. */
  readonly kind: "own-record";
  /** Where the record lies. */
  readonly place: OwnPlace;
  /** Whom it is written for; null if QEMU's process is unknown. */
  readonly qemu: ProcessIdentity | null;
  /** The device's part before and after. */
  readonly change: OwnChange;
  /**
   * A process: as long as it has open what `before` is the way to, the way
   * stays on record.
   */
  readonly holder?: number;
}

/** Makes sure that QEMU can open a disk by its path. */
export interface ProbePathStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "probe-path";
  /** QEMU's. */
  readonly pid: number;
  /** As QEMU will open it, below its own root directory. */
  readonly path: string;
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** As QEMU will open it. */
  readonly access: "rw" | "ro";
}

/** Makes sure that what QEMU opened by its path is the disk. */
export interface VerifyOpenStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "verify-open";
  /** QEMU's. */
  readonly pid: number;
  /** For messages. */
  readonly path: string;
  /** What QEMU must have open: {@linkcode identityOf}. */
  readonly identity: string;
}

/** Gives a disk to QEMU's user. */
export interface GiveOwnerStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "give-owner";
  /** What was recorded before. */
  readonly given: GivenOwner;
}

/** Gives a disk back to whom it was taken from. */
export interface ReturnOwnerStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "return-owner";
  /** What was recorded when it was given. */
  readonly given: GivenOwner;
  /** A process: as long as it has the disk open, nothing is given back. */
  readonly holder?: number;
}

/** Makes a node of a block device in QEMU's root directory. */
export interface MakeNodeStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "make-node";
  /** What was recorded before. */
  readonly node: ChrootNode;
}

/** Removes such a node. */
export interface RemoveNodeStep {
  /** Carried out by ./step_access.ts. */
  readonly kind: "remove-node";
  /** What was recorded when it was made. */
  readonly node: ChrootNode;
  /** A process: as long as it has the disk open, the node stays. */
  readonly holder?: number;
}

/** Makes a tap that stays, for QEMU to open by its name. */
export interface MakeTapStep {
  /** Carried out by ./step_access_tap.ts. */
  readonly kind: "make-tap";
  /** What was recorded before. */
  readonly tap: KeptTap;
  /** Queue pairs, 1 to 32. */
  readonly queues: number;
  /** `on`: virtio-net headers, where the kernel has them. */
  readonly vnetHdr: "on" | "off";
}

/** Removes such a tap. */
export interface RemoveTapStep {
  /** Carried out by ./step_access_tap.ts. */
  readonly kind: "remove-tap";
  /** What was recorded when it was made. */
  readonly tap: KeptTap;
}

/** A step that lets QEMU get at a device, or ends that. */
export type AccessStep =
  | MakeTapStep
  | RemoveTapStep
  | ProbePathStep
  | VerifyOpenStep
  | GiveOwnerStep
  | ReturnOwnerStep
  | MakeNodeStep
  | RemoveNodeStep;
