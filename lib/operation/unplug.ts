/**
 * Taking a device out of a running guest. QEMU only passes the request on: the
 * guest releases the device, refuses, or never answers.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { QmpEvent } from "../qmp/message.ts";
import type { World } from "./world.ts";

/** What is to be unplugged. */
export interface UnplugTarget {
  /** Device id: the events are matched by it. */
  readonly id: string;
  /** What the user calls it, for messages. */
  readonly title: string;
  /** Unless it is `running`, the request is sent and not waited for. */
  readonly runState: string;
  /** Ends the wait at once. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A request that came while the guest booted is lost for good; a second one
 * does no harm once the first is this old, in milliseconds.
 */
const RESEND_MS = 10_000;

const LATER = "it is finished by the same command later, once the guest has " +
  "released the device (it may need a driver for PCI hotplug, or a reboot)";

function concerns(id: string): (event: QmpEvent) => boolean {
  const path = `/machine/peripheral/${id}`;
  const events = ["DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"];
  // A virtio device sends two DEVICE_DELETED; the first has only the path of
  // its inner part. Unrelated devices' events do not count.
  return ({ event, data }) =>
    events.includes(event) && (data.device === id || data.path === path);
}

/** Sends device_del; an error while the device exists means still pending. */
async function request(id: string, world: World): Promise<"sent" | "gone"> {
  try {
    await world.qmp.execute("device_del", { id });
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    if (!(await ask(world.qmp, DEVICE_IDS)).has(id)) return "gone";
  }
  return "sent";
}

/** The error of a device that the guest may release later: status 6. */
export function pendingUnplug(
  target: UnplugTarget,
  why: string,
): HotplugError {
  return new HotplugError(
    "unplug-pending",
    `The guest has not released ${target.title} (${target.id}): ${why}`,
    { hint: LATER },
  );
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
  const { id, runState, signal } = target;
  const { unplugTimeoutMs } = world.options;
  const deadline = performance.now() + unplugTimeoutMs;
  // Listening begins before the request: the event may come before the reply.
  const since = world.qmp.mark();
  for (;;) {
    if (await request(id, world) === "gone") return;
    if (runState !== "running") {
      throw pendingUnplug(
        target,
        `the VM does not run, its state is ${runState}`,
      );
    }
    const left = deadline - performance.now();
    const timeoutMs = Math.max(Math.min(left, RESEND_MS), 0);
    const found = await world.qmp.waitEvent(concerns(id), {
      timeoutMs,
      signal,
      since,
    });
    if (found === "aborted") {
      throw pendingUnplug(target, "the waiting was ended");
    }
    if (found !== "timeout") return settle(target, found);
    if (!(await ask(world.qmp, DEVICE_IDS)).has(id)) return;
    if (performance.now() >= deadline) {
      throw pendingUnplug(
        target,
        `no answer within ${unplugTimeoutMs / 1000} s`,
      );
    }
  }
}

function settle(target: UnplugTarget, event: QmpEvent): void {
  if (event.event === "DEVICE_DELETED") return;
  throw new HotplugError(
    "unplug-rejected",
    `The guest refused to release ${target.title} (${target.id})`,
    { hint: "nothing was changed; the guest's log says why" },
  );
}
