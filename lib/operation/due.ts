/**
 * The removals that the guest has completed since: what finishes them.
 *
 * @module
 */

import { type KindRequest, loadKinds, loadNotes } from "../kinds.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import type { Facts } from "../plan/facts.ts";
import type { InstancePaths } from "../state/instance.ts";
import { readOwnRecord } from "../state/own_record.ts";

/** The removals that the guest has completed since: what finishes them. */
export async function duePending(
  { own, content, qemu, paths }: Facts,
): Promise<KindRequest[]> {
  const { runtime } = content;
  const due: KindRequest[] = [];
  for (const { list, finish } of await loadKinds()) {
    for (const { uuid = "", hvinfo } of runtime[list]) {
      const pending = own.record.devices[uuid.toLowerCase()]?.pending;
      if (pending === undefined || pending.id !== hvinfo.id) continue;
      if (qemu.deviceIds.has(pending.id)) continue;
      due.push(finish(paths.name, uuid));
    }
  }
  return due;
}

/**
 * Looks for removals that the guest has completed since.
 *
 * @throws {HotplugError}
 */
export async function findDue(
  paths: InstancePaths,
  options: MonitorOptions,
): Promise<KindRequest[]> {
  const { devices } = readOwnRecord(paths);
  const isPending = Object.values(devices).some((one) => one.pending);
  if (!isPending) return [];
  using qmp = await openMonitor(paths.qmp, options);
  return await duePending(await readFacts(paths, qmp, loadNotes));
}
