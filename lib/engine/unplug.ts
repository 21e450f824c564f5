/**
 * Removes a device from a running guest. QEMU only passes the request on: the
 * guest releases the device, refuses, or never answers.
 *
 * @module
 */

import {
  adviceOf,
  type Ending,
  hasDevice,
  refusalText,
  type Saying,
  sayingOf,
} from "../device/ending.ts";
import { HotplugError } from "../errors.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import { type Awaited, awaitGuest, endIn, type WaitEnd } from "./guest_wait.ts";
import type { Value } from "./verbs.ts";
import type { World } from "./world.ts";

/** The device to remove. */
export interface UnplugTarget {
  /** Device id. */
  readonly id: string;
  /** The user's name of the device, for messages. */
  readonly title: string;
  /** Unless it is `running`, the request is sent without a wait. */
  readonly runState: string;
  /**
   * The time when an earlier call sent the request, ISO 8601; undefined: none
   * did.
   */
  readonly requestedAt?: string | undefined;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
  /** The signs of its end. @default as for a PCI device */
  readonly ending?: Ending | undefined;
}

/**
 * A request that comes while the guest boots is lost; a second one does no harm
 * once the first is this old, in milliseconds.
 */
const RESEND_MS = 10_000;

/** Value of the world: the time of the last request, ISO 8601. */
export const REQUESTED_AT: Value = { name: "unplug requested at" };

/** Value of the world: id of a device that was released and plugged back. */
export const PLUGGED_BACK: Value = { name: "plugged back" };

/** Whether QEMU has a device, by the question of its ending. */
export async function isThere(
  { id, ending }: Pick<UnplugTarget, "id" | "ending">,
  world: World,
): Promise<boolean> {
  return await hasDevice(world.qmp, id, ending);
}

/** The error for a device that the guest may release later: status 6. */
export function pendingUnplug(
  target: UnplugTarget,
  why: string,
  end: WaitEnd = "whole",
): HotplugError {
  // Unless the guest had all its time, the device has no fault.
  const advice = end === "whole" ? adviceOf(target.ending ?? {}) : undefined;
  return new HotplugError(
    "unplug-pending",
    `The guest has not released ${target.title} (${target.id}): ${why}`,
    { hint: advice, isPaused: end === "paused" },
  );
}

function rejected(target: UnplugTarget, event: QmpEvent) {
  return new HotplugError(
    "unplug-rejected",
    `The guest refused to release ${target.title} (${target.id}): QEMU sent ${
      refusalText(event)
    }`,
    { hint: "nothing was changed; see the guest's log for the reason" },
  );
}

/** One device that the guest is asked to release. */
class Unplug implements Awaited {
  readonly #target: UnplugTarget;
  readonly #world: World;
  readonly signal: AbortSignal | undefined;
  readonly everyMs: number | undefined;
  readonly interrupt = "stops waiting; the removal stays pending";
  /**
   * On the clock of performance.now(); far in the past if it was never sent.
   */
  #sentMs: number;

  constructor(target: UnplugTarget, world: World) {
    this.#target = target;
    this.#world = world;
    this.signal = target.signal;
    this.everyMs = target.ending?.everyMs;
    const ageMs = Date.now() - Date.parse(target.requestedAt ?? "");
    this.#sentMs = ageMs >= 0 ? performance.now() - ageMs : -Infinity;
  }

  what(): string {
    return `the guest has not released ${this.#target.title}`;
  }

  async isDone(): Promise<boolean> {
    return !await isThere(this.#target, this.#world);
  }

  /**
   * Sends device_del, unless the request is on its way; an error while the
   * device exists means that it is.
   */
  async prompt(): Promise<boolean> {
    const { id, runState } = this.#target;
    if (performance.now() < this.dueMs()) {
      if (await this.isDone()) return true;
    } else {
      this.#world.values.set(REQUESTED_AT, new Date().toISOString());
      this.#sentMs = performance.now();
      try {
        await this.#world.qmp.execute("device_del", { id });
      } catch (error) {
        if (!(error instanceof QmpCommandError)) throw error;
        if (await this.isDone()) return true;
      }
    }
    if (runState === "running") return false;
    // A SCSI disk is removed without the guest's help.
    if (await this.isDone()) return true;
    const why = `the VM is not running (run state ${runState})`;
    throw this.unfinished(why, endIn(runState));
  }

  dueMs(): number {
    return this.#sentMs + RESEND_MS;
  }

  matters(event: QmpEvent): boolean {
    return this.#saying(event) !== undefined;
  }

  heard(event: QmpEvent): "done" | "ask" {
    const saying = this.#saying(event);
    if (saying === "refused") throw rejected(this.#target, event);
    return saying === "released" ? "done" : "ask";
  }

  unfinished(why: string, end: WaitEnd): HotplugError {
    return pendingUnplug(this.#target, why, end);
  }

  #saying(event: QmpEvent): Saying {
    return sayingOf(event, this.#target.id, this.#target.ending);
  }
}

/**
 * Asks the guest to release a device and returns when QEMU reports the release.
 *
 * @throws {HotplugError} `unplug-pending` if the guest does not answer in time,
 * `unplug-rejected` if it refuses; the device is then still there
 */
export async function unplug(
  target: UnplugTarget,
  world: World,
): Promise<void> {
  await awaitGuest(new Unplug(target, world), world);
}
