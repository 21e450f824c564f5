/**
 * What is decided before anything is done.
 *
 * @module
 */

import type { ExactNumber } from "../qmp/exact_json.ts";
import type { IoLimits } from "../qmp/io_limits.ts";
import type { Step } from "./verbs.ts";

/** A device as a caller is told of it: INTERFACE, "JSON". */
export interface DeviceView {
  /** Which list of the runtime file it belongs in. */
  readonly kind: "disk" | "nic";
  /** Place in its list of the runtime file; null if it is not recorded. */
  readonly index: number | null;
  /** Null if QEMU has the device and the file does not. */
  readonly uuid: string | null;
  /** Null for most devices: Ganeti's names are optional. */
  readonly name: string | null;
  /** QEMU's device id, null if it was given none. */
  readonly id: string | null;
  /** QEMU's word, null if the record has none. */
  readonly driver: string | null;
  /** e.g. `pci.0`; null if the record has none. */
  readonly bus: string | null;
  /** 0 to 31; null on a SCSI bus, or if unknown. */
  readonly slot: number | null;
  /** The slot in QEMU's form, e.g. `0xd`; null with it. */
  readonly addr: string | null;
  /** What only a disk, only a NIC or only SCSI has. */
  readonly [detail: string]:
    | string
    | number
    | boolean
    | null
    | undefined
    | ExactNumber
    | IoLimits;
}

/** What an operation does to its device; callers see the word. */
export type Action =
  | "add"
  | "remove"
  | "resize"
  | "set"
  | "upgrade"
  | "mend"
  | "adopt"
  | "modify";

/** What QEMU has that nothing proves, and what to do about it. */
export interface Remaining {
  /** One line. */
  readonly what: string;
  /** Why, or what would help; one line. */
  readonly hint: string;
}

/** What became of the devices that QEMU has and the file lacks. */
export interface Adoption {
  /** As they are recorded now. */
  readonly adopted: readonly DeviceView[];
  /** What is left alone. */
  readonly remaining: readonly Remaining[];
}

/** An operation, all of it data; the only thing apply runs. */
export interface Plan {
  /** For messages and the document; the steps do not depend on it. */
  readonly action: Action;
  /** For messages and the document; the steps hold full paths. */
  readonly instance: string;
  /** What the user calls the device: `disk 1`. */
  readonly title: string;
  /**
   * As it will be, or as it was; a tap may not have its name yet. Null if it
   * is about no device.
   */
  readonly device: DeviceView | null;
  /** Only of `adopt`. */
  readonly adoption?: Adoption;
  /** Done in this order, undone in reverse. */
  readonly steps: readonly Step[];
  /** What the user accepts with it, one line each. */
  readonly warnings: readonly string[];
}

/** What a request comes to: something to do, or nothing. */
export type Decision =
  | { readonly kind: "plan"; readonly plan: Plan }
  | {
    readonly kind: "nothing-to-do";
    readonly action: Action;
    readonly instance: string;
    readonly device: DeviceView | null;
    readonly adoption?: Adoption;
    readonly warnings: readonly string[];
  };
