/**
 * What earlier operations on an instance left: a change that was interrupted,
 * removals that the guest has completed since.
 *
 * @module
 */

import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import { recover, type Recovery } from "../engine/recover.ts";
import { messageOf } from "../errors.ts";
import { type KindRequest, loadKinds, loadNotes } from "../kinds.ts";
import { openMonitor } from "../monitor/monitor.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import type { InstancePaths } from "../state/instance.ts";
import { findJournal, findOwnFile } from "../state/journal_file.ts";
import { readOwnRecord } from "../state/own_record.ts";
import { loadReader } from "./journal_reader.ts";
import { leftAloneText, type Outcome } from "./outcome.ts";
import type { Request } from "./request.ts";

/** Longest wait for the guest in an operation that is not the one asked for. */
const OTHER_UNPLUG_TIMEOUT_MS = 3_000;

/** Puts in order what was interrupted before, if anything was. */
export async function recoverInterrupted(
  paths: InstancePaths,
  options: RunOptions,
): Promise<Recovery | undefined> {
  if (findJournal(paths) === "none") return undefined;
  const { unplugTimeoutMs } = options;
  return await recover(paths, {
    ...options,
    load: loadReader,
    unplugTimeoutMs: Math.min(unplugTimeoutMs, OTHER_UNPLUG_TIMEOUT_MS),
  });
}

/** What was put in order, for a person. */
export function recoveryText(recovery: Recovery | undefined): string[] {
  return recovery === undefined ? [] : [
    `${recovery.what}, had been interrupted: ${recovery.did}`,
    ...leftAloneText(recovery),
  ];
}

/** The outcome of a request that recovery has finished just now. */
export function outcomeOfRecovery(
  request: Request,
  recovery: Recovery | undefined,
): Outcome | undefined {
  if (recovery?.plan === undefined || recovery.course !== "finish") return;
  if (recovery.request !== fingerprintOf(request)) return;
  const { instance, action, device } = recovery.plan;
  return { instance, action, changed: true, device, warnings: [] };
}

/** Requests that finish the removals which the guest has completed. */
async function releasedRemovals(
  paths: InstancePaths,
  options: RunOptions,
): Promise<KindRequest[]> {
  // Most instances have no record, and pay for none.
  if (findOwnFile(paths, "json") === "none") return [];
  const noted = Object.values(readOwnRecord(paths).devices);
  if (noted.every(({ pending }) => pending === undefined)) return [];
  using qmp = await openMonitor(paths.qmp, options);
  const { own, content, qemu } = await readFacts(paths, qmp, loadNotes);
  return (await loadKinds()).flatMap(({ list, finish }) =>
    content.runtime[list].flatMap(({ uuid = "", hvinfo: { id } }) => {
      const pending = own.record.devices[uuid.toLowerCase()]?.pending;
      const isReleased = pending !== undefined && pending.id === id &&
        !qemu.deviceIds.has(id);
      return isReleased ? [finish(paths.name, uuid)] : [];
    })
  );
}

/**
 * Finishes the removals that the guest has completed since.
 *
 * @returns what a person is told; it fails in words only, for that says nothing
 * about the request in hand, which may be done
 */
export async function finishReleased(
  paths: InstancePaths,
  options: RunOptions,
  carryOut: (request: Request) => Promise<Outcome>,
): Promise<string[]> {
  try {
    const told: string[] = [];
    for (const request of await releasedRemovals(paths, options)) {
      const { device } = await carryOut(request);
      const what = `${device?.kind} ${device?.index} (${device?.id})`;
      told.push(`the guest has released ${what}: its removal is finished`);
    }
    return told;
  } catch (error) {
    return [`a removal that is due was not finished: ${messageOf(error)}`];
  }
}
