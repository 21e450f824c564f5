/**
 * How an operation reaches the instance, and how long it may wait.
 *
 * @module
 */

import type { QmpTrace } from "../qmp/session_options.ts";
import type { Progress } from "./apply.ts";
import type { WorldOptions } from "./world.ts";

/** How an operation reaches the instance and how long it may wait. */
export interface Reach {
  /** Absolute: {@linkcode defaultRunDir}, or what was given. */
  readonly runDir: string;
  /** Absolute path of a socket to use instead of the derived one. */
  readonly qmp?: string | undefined;
  /** Absolute path of a runtime file to use instead. */
  readonly state?: string | undefined;
  /** Longest wait for one QMP reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Longest wait for another kvm-hotplug, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** How an operation is run. */
export interface RunOptions extends Reach {
  /** `dry-run`: same checks and plan, but no lock and no change. */
  readonly mode: "apply" | "dry-run";
  /** Ends waiting for the guest or for the lock at once. */
  readonly signal?: AbortSignal | undefined;
  /** Sees every QMP message. */
  readonly trace?: QmpTrace | undefined;
  /** Asked every second of a wait for the guest: a no ends it. */
  readonly isWanted?: WorldOptions["isWanted"];
  /** Told every second of a wait for the guest. */
  readonly waiting?: WorldOptions["waiting"];
  /** Sees every step; a dry run has none. */
  readonly progress?: Progress | undefined;
}
