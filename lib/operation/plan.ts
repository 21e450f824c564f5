/**
 * What is decided before anything is done.
 *
 * @module
 */

import type { Step } from "./step.ts";

/** A device as a caller is told of it: INTERFACE, "JSON". */
export interface DeviceView {
  readonly kind: "disk" | "nic";
  /** Place in its list of the runtime file; null if it is not recorded. */
  readonly index: number | null;
  readonly uuid: string | null;
  readonly name: string | null;
  readonly id: string | null;
  readonly driver: string | null;
  readonly bus: string | null;
  readonly slot: number | null;
  readonly addr: string | null;
  readonly [detail: string]: string | number | boolean | null | undefined;
}

/** An operation, all of it data; the only thing apply runs. */
export interface Plan {
  readonly action: "add" | "remove";
  readonly instance: string;
  /** What the user calls the device: `disk 1`. */
  readonly title: string;
  readonly device: DeviceView;
  readonly steps: readonly Step[];
  readonly warnings: readonly string[];
}

/** What a request comes to: something to do, or nothing. */
export type Decision =
  | { readonly kind: "plan"; readonly plan: Plan }
  | {
    readonly kind: "nothing-to-do";
    readonly action: "add" | "remove";
    readonly instance: string;
    readonly device: DeviceView | null;
    readonly warnings: readonly string[];
  };
