/**
 * What a session is opened with, and how one waits in it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import type { EventLog } from "./event_log.ts";
import type { Json } from "./message.ts";

/**
 * Sees every message as text, with what travels beside it; first of all the
 * path that is connected to.
 */
export type QmpTrace = (
  direction: "connect" | "send" | "receive",
  text: string,
  fd?: Fd,
) => void;

/** How a session is opened. */
export interface SessionOptions {
  /** Longest wait for one reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Sees the greeting and all that follows, both ways. */
  readonly trace?: QmpTrace | undefined;
  /** Called when no greeting came, while still connected. */
  readonly onSilence?: (() => void) | undefined;
  /** Called before the session leaves QEMU, with all events it was told of. */
  readonly onLeave?: ((events: EventLog) => void) | undefined;
}

/** How long to wait for an event, and from where on. */
export interface WaitOptions {
  /** Longest wait, in milliseconds; 0: only what came already. */
  readonly timeoutMs: number;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** Events older than this mark do not count: {@linkcode QmpSession.mark}. */
  readonly since: number;
}

/** One of several commands that are sent at once. */
export interface Command {
  /** As on the wire, e.g. `query-pci`. */
  readonly execute: string;
  /** What it takes, by QEMU's names. @default none */
  readonly args?: Json | undefined;
  /**
   * `nothing`: a monitor without the command, old or restricted, is one that
   * has nothing of what is asked for. @default refused
   */
  readonly ifMissing?: "nothing";
  /**
   * `nothing`: QEMU's refusal, whatever its reason, says that there is nothing
   * to tell; so it does for a property that a device of this kind lacks.
   * @default an error
   */
  readonly ifRefused?: "nothing";
}
