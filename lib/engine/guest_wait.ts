/**
 * Waits for an action of the guest. The wait is reported every second, and ends
 * when the VM ends or pauses.
 *
 * @module
 */

import type { HotplugError } from "../errors.ts";
import { RUN_STATE } from "../qmp/commands.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import { ask } from "../qmp/query.ts";
import type { World } from "./world.ts";

/** Time between two reports of the wait, in milliseconds. */
const TELL_MS = 1_000;

/** Events that end a guest's silence: qapi/run-state.json. */
const OF_THE_VM = ["STOP", "SHUTDOWN", "RESET"];

/**
 * How a wait ended: the guest had all its time, or not; `paused`: it could not
 * act, because the VM is paused.
 */
export type WaitEnd = "whole" | "ended" | "paused";

/** The end of a wait for a VM in another run state than `running`. */
export function endIn(runState: string): WaitEnd {
  return runState === "paused" ? "paused" : "ended";
}

/** The awaited action. */
export interface Awaited {
  /** The reason of the wait, for the report; may change. */
  what(): string;
  /** Whether it is done. Asks QEMU and changes nothing. */
  isDone(): Promise<boolean>;
  /**
   * Sends commands that are due, before each slice of the wait, and tells
   * whether it is done. @default isDone
   */
  prompt?(): Promise<boolean>;
  /** The time of the next prompt, on the clock of performance.now(). */
  dueMs?(): number;
  /** Whether an event matters, beside the events of the VM as a whole. */
  matters(event: QmpEvent): boolean;
  /**
   * Receives such an event, each once.
   *
   * @returns `done`: the wait is over; `ask`: it may be done
   * @throws {HotplugError} if it will not be done
   */
  heard(event: QmpEvent): "done" | "ask";
  /** The error if it is not done. */
  unfinished(why: string, end: WaitEnd): HotplugError;
  /**
   * Time between two questions to QEMU while no event comes, in milliseconds.
   * @default 1000
   */
  readonly everyMs?: number | undefined;
  /** The effect of Ctrl-C on the wait, in a few words. */
  readonly interrupt: string;
  /** Ends the wait at once; undefined: nothing can end it. */
  readonly signal: AbortSignal | undefined;
}

class GuestWait {
  readonly #awaited: Awaited;
  readonly #world: World;
  readonly #deadline: number;
  /**
   * Listening begins before the request: the event may come before the reply.
   */
  readonly #since: number;
  readonly #heeded = new Set<QmpEvent>();
  #guestEnded = false;

  constructor(awaited: Awaited, world: World) {
    this.#awaited = awaited;
    this.#world = world;
    this.#deadline = performance.now() + world.options.unplugTimeoutMs;
    this.#since = world.qmp.mark();
  }

  async run(): Promise<void> {
    try {
      while (!await this.#isDone()) {
        const event = await this.#event();
        if (event === undefined && performance.now() >= this.#deadline) {
          return await this.#late();
        }
        if (event === undefined) continue;
        this.#heeded.add(event);
        if (OF_THE_VM.includes(event.event)) await this.#heed(event);
        else if (this.#awaited.heard(event) === "done") return;
      }
    } catch (error) {
      const ended = this.#guestEnded && error instanceof QmpClosedError;
      throw ended
        ? new QmpClosedError("The guest shut down, and QEMU ended")
        : error;
    }
  }

  #isDone(): Promise<boolean> {
    return this.#awaited.prompt?.() ?? this.#awaited.isDone();
  }

  /** Whether the caller has gone, in a wait that may be ended. */
  get #isUnwanted(): boolean {
    return this.#awaited.signal !== undefined &&
      this.#world.options.isWanted?.() === false;
  }

  /** Reports the wait, and returns the time until the next report. */
  #tell(now: number): number {
    const { waiting, unplugTimeoutMs: limitMs } = this.#world.options;
    const sinceMs = now - (this.#deadline - limitMs);
    const end = this.#awaited.signal && this.#awaited.interrupt;
    waiting?.({ what: this.#awaited.what(), sinceMs, limitMs, end });
    return Math.min(TELL_MS, this.#awaited.everyMs ?? TELL_MS);
  }

  /** The next event that matters, undefined after its time limit. */
  async #event(): Promise<QmpEvent | undefined> {
    const now = performance.now();
    const { signal } = this.#awaited;
    const until = Math.min(
      this.#deadline,
      this.#awaited.dueMs?.() ?? Infinity,
      now + this.#tell(now),
    );
    const found = await this.#world.qmp.waitEvent(
      (event) =>
        !this.#heeded.has(event) &&
        (OF_THE_VM.includes(event.event) || this.#awaited.matters(event)),
      { timeoutMs: Math.max(until - now, 0), signal, since: this.#since },
    );
    if (found === "aborted") {
      throw this.#awaited.unfinished("the wait was interrupted", "ended");
    }
    if (found === "timeout" && this.#isUnwanted) {
      const why = "the caller has closed the connection";
      throw this.#awaited.unfinished(why, "ended");
    }
    return found === "timeout" ? undefined : found;
  }

  /** Handles an event of the VM as a whole. */
  async #heed({ event }: QmpEvent): Promise<void> {
    // After a reset QEMU completes a removal by itself.
    if (event === "RESET") return;
    // QEMU ends now, unless it was told to stay: then STOP follows.
    if (event === "SHUTDOWN") this.#guestEnded = true;
    if (event !== "STOP" || await this.#awaited.isDone()) return;
    const state = await ask(this.#world.qmp, RUN_STATE);
    const what = this.#guestEnded
      ? "the guest shut down"
      : "the VM was stopped";
    const why = `${what} (run state ${state})`;
    throw this.#awaited.unfinished(why, endIn(state));
  }

  async #late(): Promise<void> {
    if (await this.#awaited.isDone()) return;
    const { unplugTimeoutMs } = this.#world.options;
    const why = `no answer within ${unplugTimeoutMs / 1000} s`;
    throw this.#awaited.unfinished(why, "whole");
  }
}

/**
 * Waits for the guest, for at most the world's `unplugTimeoutMs`.
 *
 * @throws {HotplugError} the error of `awaited` for an end without success
 */
export async function awaitGuest(
  awaited: Awaited,
  world: World,
): Promise<void> {
  await new GuestWait(awaited, world).run();
}
