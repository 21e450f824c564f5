/**
 * Options of a session and of its waits.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import type { EventLog } from "./event_log.ts";
import type { Json } from "./message.ts";

/**
 * Gets every message as text, with a description of a passed fd; first of all
 * the path of the socket.
 */
export type QmpTrace = (
  direction: "connect" | "send" | "receive",
  text: string,
  fd?: Fd,
) => void;

/** Options of a session. */
export interface SessionOptions {
  /** Longest wait for one reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Gets the greeting and all that follows, in both directions. */
  readonly trace?: QmpTrace | undefined;
  /** Called if no greeting comes at once: another client has the monitor. */
  readonly onWait?: (() => void) | undefined;
  /** Called when no greeting came, while still connected. */
  readonly onSilence?: (() => void) | undefined;
  /** Called before the session leaves QEMU, with all received events. */
  readonly onLeave?: ((events: EventLog) => void) | undefined;
}

/** The limits of a wait for an event. */
export interface WaitOptions {
  /** Longest wait, in milliseconds; 0: only received events. */
  readonly timeoutMs: number;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** Events before this mark do not count: {@linkcode QmpSession.mark}. */
  readonly since: number;
}

/** One of several commands that are sent at once. */
export interface Command {
  /** The name on the wire, e.g. `query-pci`. */
  readonly execute: string;
  /** Arguments by QEMU's names. @default none */
  readonly args?: Json | undefined;
  /**
   * `nothing`: an old or restricted monitor without this command has no such
   * objects. @default refused
   */
  readonly ifMissing?: "nothing";
  /**
   * `nothing`: any refusal of QEMU means that there is no answer, for example
   * because a device of this kind lacks the property.
   *
   * @default an error
   */
  readonly ifRefused?: "nothing";
}
