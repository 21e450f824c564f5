/**
 * Following a VM's events for long, without keeping its monitor from others:
 * QEMU serves one client, so it is given up when another one waits, and taken
 * again afterwards.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { QmpSession } from "../qmp/client.ts";
import { isJson, type QmpEvent } from "../qmp/message.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import { unixSocketConnections, unixSocketHolders } from "../sys/sock_diag.ts";
import { pause } from "../sys/pause.ts";
import { nothingChanged } from "./failure.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";

/** A time in which events were not seen. */
export interface Gap {
  /** Milliseconds since 1970. */
  readonly fromMs: number;
  /** Likewise. */
  readonly toMs: number;
  /** Command line of who needed the monitor; text of another process. */
  readonly reason: string;
}

/** What a watcher sees. */
export type Sight =
  | { readonly kind: "event"; readonly event: QmpEvent }
  | { readonly kind: "gap"; readonly gap: Gap };

/** How long and for whom to watch. */
export interface WatchOptions extends MonitorOptions {
  /** Ends the watching at once. */
  readonly signal: AbortSignal;
  /** End, on the clock of `performance.now()`; Infinity for none. */
  readonly deadline: number;
  /** Called with the first session, before anything is seen. */
  readonly begin: (session: QmpSession) => Promise<void>;
  /** Asked from time to time: nobody is watched for when it says no. */
  readonly isWanted: () => boolean;
  /** Called for each; `stop` ends the watching. */
  readonly see: (sight: Sight) => Promise<"go-on" | "stop">;
}

/** Why the watching ended: `ended` means that the VM did. */
export type WatchEnd = "stopped" | "aborted" | "timeout" | "ended";

/** How often to look whether somebody waits, in milliseconds. */
const LOOK_MS = 400;

/** Programs that watch as we do give way themselves; two would only swap. */
const WATCHER = /\bkvm-hotplug\b.*\b(events|shell)\b/;

/** Command line of somebody else who waits for the monitor. */
function whoWaits(path: string): string | undefined {
  if (unixSocketConnections(path) < 2) return undefined;
  const { clients } = unixSocketHolders(path);
  return clients.find(({ state, command }) =>
    state === "waiting" && !WATCHER.test(command)
  )?.command;
}

async function follow(
  session: QmpSession,
  path: string,
  { signal, deadline, see, isWanted }: WatchOptions,
): Promise<WatchEnd | { readonly waiting: string }> {
  let since = 0;
  for (;;) {
    const left = deadline - performance.now();
    const found = await session.waitEvent(() => true, {
      timeoutMs: Math.max(Math.min(left, LOOK_MS), 0),
      signal,
      since,
    });
    if (found === "aborted") return "aborted";
    if (found !== "timeout") {
      since++;
      const next = await see({ kind: "event", event: found });
      if (next === "stop") return "stopped";
      continue;
    }
    if (performance.now() >= deadline) return "timeout";
    if (!isWanted()) return "stopped";
    const waiting = whoWaits(path);
    if (waiting !== undefined) return { waiting };
  }
}

/** Whether the monitor is only in use, so that waiting makes sense. */
function isInUse(error: unknown): boolean {
  return error instanceof HotplugError &&
    (error.code === "monitor-busy" || error.code === "monitor-timeout");
}

/** Queues for the monitor until it is free again. */
async function reopen(
  path: string,
  options: WatchOptions,
): Promise<QmpSession | WatchEnd> {
  while (performance.now() < options.deadline) {
    if (options.signal.aborted) return "aborted";
    try {
      return await openMonitor(path, options);
    } catch (error) {
      if (!isInUse(error)) return "ended";
      await pause(LOOK_MS / 4, options.signal);
    }
  }
  return "timeout";
}

/**
 * Shows every event of a VM until told to stop.
 *
 * @param path the QMP socket
 * @throws {HotplugError} status 4 if the VM cannot be asked to begin with
 */
export async function watch(
  path: string,
  options: WatchOptions,
): Promise<WatchEnd> {
  let session = await openMonitor(path, options);
  try {
    await options.begin(session);
  } catch (error) {
    session.close();
    throw nothingChanged(error);
  }
  for (;;) {
    const end = await followOnce(session, path, options);
    if (typeof end === "string") return end;
    const fromMs = Date.now();
    const next = await reopen(path, options);
    if (typeof next === "string") return next;
    session = next;
    const gap = { fromMs, toMs: Date.now(), reason: end.waiting };
    if (await options.see({ kind: "gap", gap }) === "stop") {
      session.close();
      return "stopped";
    }
  }
}

async function followOnce(
  session: QmpSession,
  path: string,
  options: WatchOptions,
) {
  try {
    return await follow(session, path, options);
  } catch (error) {
    if (error instanceof QmpClosedError) return "ended";
    throw error;
  } finally {
    session.close();
  }
}

/** Names by which an event may speak of a device, most telling first. */
const DEVICE_KEYS = ["device", "id", "node-name", "name", "path", "qom-path"];

/** Ids of devices that an event may be about. */
export function idsOf({ data }: QmpEvent): string[] {
  return DEVICE_KEYS.flatMap((key) => {
    const value = isJson(data) ? data[key] : undefined;
    if (typeof value !== "string") return [];
    const inner = /^\/machine\/peripheral\/([^/]+)/.exec(value)?.[1];
    return [inner ?? value];
  });
}
