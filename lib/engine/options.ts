/**
 * Options of an operation: how it reaches the instance, and its time limits.
 *
 * @module
 */

import type { PathOverrides } from "../state/instance.ts";
import type { Progress } from "./apply.ts";
import type { WorldOptions } from "./world.ts";

/** How an operation reaches the instance, and its time limits. */
export interface Reach extends PathOverrides {
  /** Absolute: {@linkcode defaultRunDir}, or the given one. */
  readonly runDir: string;
  /** Longest wait for one QMP reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Longest wait for another kvm-hotplug, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** How an operation is run. */
export interface RunOptions
  extends
    Reach,
    Pick<WorldOptions, "signal" | "trace" | "isWanted" | "waiting"> {
  /** `dry-run`: same checks and plan, but no lock and no change. */
  readonly mode: "apply" | "dry-run";
  /** Gets every step; a dry run has none. */
  readonly progress?: Progress | undefined;
}
