/**
 * What earlier operations on an instance left: a change that was interrupted,
 * removals that the guest has completed since.
 *
 * @module
 */

import { findDevice } from "../device/select.ts";
import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import { recover, type Recovery } from "../engine/recover.ts";
import { messageOf, type Remark, remark, toldOf } from "../errors.ts";
import { type KindRequest, loadNotes, loadWholeKinds } from "../kinds.ts";
import { openMonitor } from "../monitor/monitor.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import { expectRuntime } from "../plan/facts.ts";
import type { InstancePaths } from "../state/instance.ts";
import { findOwnFile } from "../state/journal_file.ts";
import { noteOn } from "../state/own_check.ts";
import { readOwnRecord } from "../state/own_record.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import { loadSteps } from "./journal_reader.ts";
import type { Outcome } from "./outcome.ts";
import type { Request } from "./request.ts";

/** Longest wait for the guest in an operation that is not the one asked for. */
const OTHER_UNPLUG_TIMEOUT_MS = 3_000;

/** Puts in order what was interrupted before, if anything was. */
export async function recoverInterrupted(
  paths: InstancePaths,
  options: RunOptions,
): Promise<Recovery | undefined> {
  if (findOwnFile(paths, "journal") === "none") return undefined;
  const { unplugTimeoutMs } = options;
  return await recover(paths, {
    ...options,
    load: loadSteps,
    unplugTimeoutMs: Math.min(unplugTimeoutMs, OTHER_UNPLUG_TIMEOUT_MS),
  });
}

/** A place in the list, or the last one. */
const INDEX = /^(?:0|[1-9]\d*|-1)$/;

/**
 * The request with the device's uuid in the place of its index: what is put in
 * order first may give the index to another device.
 */
export function pinned(request: Request, paths: InstancePaths): Request {
  if (!("device" in request) || !INDEX.test(request.device)) return request;
  const isLeft = findOwnFile(paths, "journal") === "there" ||
    findOwnFile(paths, "json") === "there";
  if (!isLeft) return request;
  const { disks, nics } = expectRuntime(paths).runtime;
  const list: readonly DeviceEntry[] = request.kind.startsWith("nic-")
    ? nics
    : disks;
  const device = findDevice(list, request.device)?.uuid;
  return device === undefined ? request : { ...request, device };
}

/** What became of an interrupted change. */
export function recoverySettled(recovery: Recovery | undefined): Remark[] {
  if (recovery === undefined) return [];
  const { what, did, plan, leftAlone = [] } = recovery;
  const device = plan?.device ? toldOf(plan.device) : null;
  const message = `${what}, had been interrupted: ${did}`;
  return [remark("interrupted", message, { device }), ...leftAlone];
}

/** The outcome of a request that recovery has finished just now. */
export function outcomeOfRecovery(
  requests: readonly Request[],
  recovery: Recovery | undefined,
): Outcome | undefined {
  if (recovery?.plan === undefined || recovery.course !== "finish") return;
  if (!requests.some((one) => recovery.request === fingerprintOf(one))) return;
  const { instance, action, device } = recovery.plan;
  return { instance, action, changed: true, device, warnings: [] };
}

/** Requests that finish the removals which the guest has completed. */
async function releasedRemovals(
  paths: InstancePaths,
  options: RunOptions,
): Promise<KindRequest[]> {
  const noted = Object.values(readOwnRecord(paths).devices);
  if (noted.every(({ pending }) => pending === undefined)) return [];
  using qmp = await openMonitor(paths.qmp, options);
  const { own, content, qemu } = await readFacts(paths, qmp, loadNotes);
  return (await loadWholeKinds()).flatMap(({ list, finish }) =>
    content.runtime[list].flatMap(({ uuid = "", hvinfo: { id } }) => {
      const pending = noteOn(own.record, uuid.toLowerCase())?.pending;
      const isReleased = pending !== undefined && pending.id === id &&
        !qemu.deviceIds.has(id);
      return isReleased ? [finish(paths.name, uuid)] : [];
    })
  );
}

/**
 * Finishes the removals that the guest has completed since. It fails in words
 * only, for that says nothing about the request in hand, which may be done.
 *
 * @param settled grows by what was done
 */
export async function finishReleased(
  { paths, options, settled }: {
    readonly paths: InstancePaths;
    readonly options: RunOptions;
    readonly settled: Remark[];
  },
  carryOut: (request: Request) => Promise<Outcome>,
): Promise<void> {
  try {
    for (const request of await releasedRemovals(paths, options)) {
      const { device } = await carryOut(request);
      const what = `${device?.kind} ${device?.index} (${device?.id})`;
      settled.push(remark(
        "removal-finished",
        `the guest has released ${what}: its removal is finished`,
        { device: device && toldOf(device) },
      ));
    }
  } catch (error) {
    settled.push(remark(
      "removal-not-finished",
      `a removal that is due was not finished: ${messageOf(error)}`,
    ));
  }
}
