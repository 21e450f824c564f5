/**
 * Taking a device out of a running guest. QEMU only passes the request on: the
 * guest releases the device, refuses, or never answers.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { DEVICE_IDS, RUN_STATE } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { QmpClosedError, QmpCommandError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import { text } from "../qmp/reading.ts";
import type { Value } from "./verbs.ts";
import type { World } from "./world.ts";

/** What is to be unplugged. */
export interface UnplugTarget {
  /** Device id: the events are matched by it. */
  readonly id: string;
  /** What the user calls it, for messages. */
  readonly title: string;
  /** Unless it is `running`, the request is sent and not waited for. */
  readonly runState: string;
  /** When an earlier call sent the request, ISO 8601; none did if undefined. */
  readonly requestedAt?: string | undefined;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A request that came while the guest booted is lost for good; a second one
 * does no harm once the first is this old, in milliseconds.
 */
const RESEND_MS = 10_000;

/** How often to tell a person that the waiting goes on, in milliseconds. */
const TELL_MS = 1_000;

/** Value of the world: when the request was sent last, ISO 8601. */
export const REQUESTED_AT: Value = { name: "unplug requested at" };

/** Value of the world: id of a device that was released and is back. */
export const PLUGGED_BACK: Value = { name: "plugged back" };

/** What may make a guest release a device; {@linkcode apply} says what then. */
const ADVICE = "the guest may need a driver for PCI hotplug, or a reboot";
/** Of a VM whose guest does nothing. */
const RESUME = "resume the VM";

/** What ends a guest's silence: qapi/run-state.json. */
const OF_THE_VM = ["STOP", "SHUTDOWN", "RESET"];

function concerns(id: string): (event: QmpEvent) => boolean {
  const path = `/machine/peripheral/${id}`;
  const events = ["DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"];
  // A virtio device sends two DEVICE_DELETED; the first has only the path of
  // its inner part. Unrelated devices' events do not count.
  return ({ event, data }) =>
    OF_THE_VM.includes(event) ||
    (events.includes(event) && (data.device === id || data.path === path));
}

/** Whether QEMU has a device of this id. */
export async function isThere(id: string, world: World): Promise<boolean> {
  return (await ask(world.qmp, DEVICE_IDS)).has(id);
}

/**
 * The error of a device that the guest may release later: status 6.
 *
 * @param wait whether the guest had all its time: else nothing is wrong with it
 */
export function pendingUnplug(
  target: UnplugTarget,
  why: string,
  wait: "whole" | "ended" = "whole",
): HotplugError {
  const advice = wait === "whole" ? ADVICE : undefined;
  return new HotplugError(
    "unplug-pending",
    `The guest has not released ${target.title} (${target.id}): ${why}`,
    { hint: target.runState === "running" ? advice : RESUME },
  );
}

function rejected(target: UnplugTarget, { event, data }: QmpEvent) {
  const about = text(data.path) || text(data.device);
  return new HotplugError(
    "unplug-rejected",
    `The guest refused to release ${target.title} (${target.id}): QEMU sent ${event} for ${about}`,
    { hint: "nothing was changed; see the guest's log for the reason" },
  );
}

/** One device on its way out of the guest. */
class Unplug {
  readonly #target: UnplugTarget;
  readonly #world: World;
  readonly #deadline: number;
  /** Listening begins before the request: the event may come before the reply. */
  readonly #since: number;
  readonly #heeded = new Set<QmpEvent>();
  /** On the clock of performance.now(); far back if it was never sent. */
  #sentMs: number;
  #guestEnded = false;

  constructor(target: UnplugTarget, world: World) {
    this.#target = target;
    this.#world = world;
    this.#deadline = performance.now() + world.options.unplugTimeoutMs;
    this.#since = world.qmp.mark();
    const ageMs = Date.now() - Date.parse(target.requestedAt ?? "");
    this.#sentMs = ageMs >= 0 ? performance.now() - ageMs : -Infinity;
  }

  async run(): Promise<void> {
    try {
      while (await this.#request() !== "gone") {
        const event = await this.#event();
        if (event?.event === "DEVICE_DELETED") return;
        if (event?.event === "DEVICE_UNPLUG_GUEST_ERROR") {
          throw rejected(this.#target, event);
        }
        if (event === undefined && performance.now() >= this.#deadline) {
          return await this.#late();
        }
        if (event !== undefined) await this.#heed(event);
      }
    } catch (error) {
      const ended = this.#guestEnded && error instanceof QmpClosedError;
      throw ended
        ? new QmpClosedError("The guest shut down, and QEMU ended")
        : error;
    }
  }

  /**
   * Sends device_del, unless it is on its way; an error while the device
   * exists means that it is.
   */
  async #request(): Promise<"asked" | "gone"> {
    const { id, runState } = this.#target;
    if (performance.now() - this.#sentMs >= RESEND_MS) {
      this.#world.values.set(REQUESTED_AT, new Date().toISOString());
      this.#sentMs = performance.now();
      try {
        await this.#world.qmp.execute("device_del", { id });
      } catch (error) {
        if (!(error instanceof QmpCommandError)) throw error;
        if (!await isThere(id, this.#world)) return "gone";
      }
    } else if (!await isThere(id, this.#world)) return "gone";
    if (runState === "running") return "asked";
    // A SCSI disk goes without the guest's help.
    if (!await isThere(id, this.#world)) return "gone";
    throw this.#pending(`the VM is not running (run state ${runState})`);
  }

  /** Whether a wait that may be ended has nobody left to wait for. */
  get #isUnwanted(): boolean {
    return this.#target.signal !== undefined &&
      this.#world.options.isWanted?.() === false;
  }

  /** Tells who looks on, and how long to wait until the next time. */
  #tell(now: number): number {
    const { waiting, unplugTimeoutMs: limitMs } = this.#world.options;
    const sinceMs = now - (this.#deadline - limitMs);
    const what = `the guest has not released ${this.#target.title}`;
    const end = this.#target.signal &&
      "stops waiting; the removal stays pending";
    waiting?.({ what, sinceMs, limitMs, end });
    return TELL_MS;
  }

  /** The next event that matters, undefined after the time for one. */
  async #event(): Promise<QmpEvent | undefined> {
    const now = performance.now();
    const until = Math.min(
      this.#deadline,
      this.#sentMs + RESEND_MS,
      now + this.#tell(now),
    );
    const matches = concerns(this.#target.id);
    const found = await this.#world.qmp.waitEvent(
      (event) => matches(event) && !this.#heeded.has(event),
      {
        timeoutMs: Math.max(until - now, 0),
        signal: this.#target.signal,
        since: this.#since,
      },
    );
    if (found === "aborted") {
      throw this.#pending("the wait was interrupted", "ended");
    }
    if (found === "timeout" && this.#isUnwanted) {
      throw this.#pending("the caller has closed the connection", "ended");
    }
    return found === "timeout" ? undefined : found;
  }

  /** What the VM as a whole did meanwhile. */
  async #heed(event: QmpEvent): Promise<void> {
    this.#heeded.add(event);
    // After a reset QEMU completes the request by itself.
    if (event.event === "RESET") return;
    // QEMU ends now, unless it was told to stay: then STOP follows.
    if (event.event === "SHUTDOWN") this.#guestEnded = true;
    if (event.event !== "STOP") return;
    if (!await isThere(this.#target.id, this.#world)) return;
    const state = await ask(this.#world.qmp, RUN_STATE);
    const what = this.#guestEnded
      ? "the guest shut down"
      : "the VM was stopped";
    throw this.#pending(`${what} (run state ${state})`);
  }

  async #late(): Promise<void> {
    if (!await isThere(this.#target.id, this.#world)) return;
    const { unplugTimeoutMs } = this.#world.options;
    throw this.#pending(`no answer within ${unplugTimeoutMs / 1000} s`);
  }

  #pending(why: string, wait?: "ended"): HotplugError {
    return pendingUnplug(this.#target, why, wait);
  }
}

/**
 * Asks the guest to release a device and returns when QEMU says it has.
 *
 * @throws {HotplugError} `unplug-pending` if the guest does not answer in
 * time, `unplug-rejected` if it says no; the device is then still there
 */
export async function unplug(
  target: UnplugTarget,
  world: World,
): Promise<void> {
  await new Unplug(target, world).run();
}
