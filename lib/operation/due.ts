/**
 * The removals that the guest has completed since: what finishes them.
 *
 * @module
 */

import type { DiskRemove } from "../disk/request.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import type { NicRemove } from "../nic/request.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import type { Facts } from "../plan/facts.ts";
import type { InstancePaths } from "../state/instance.ts";
import { readOwnRecord } from "../state/own_record.ts";

/** A request that takes a device out. */
export type Removal = DiskRemove | NicRemove;

/** The removals that the guest has completed since: what finishes them. */
export function duePending({ own, content, qemu, paths }: Facts): Removal[] {
  const { disks, nics } = content.runtime;
  const due: Removal[] = [];
  for (const { uuid = "", hvinfo, kind } of [...disks, ...nics]) {
    const pending = own.record.devices[uuid.toLowerCase()]?.pending;
    if (pending === undefined || pending.id !== hvinfo.id) continue;
    if (qemu.deviceIds.has(pending.id)) continue;
    const common = { instance: paths.name, device: uuid };
    due.push(
      kind === "disk"
        ? { ...common, kind: "disk-remove", bootDisk: "forced" }
        : { ...common, kind: "nic-remove" },
    );
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
): Promise<Removal[]> {
  const { devices } = readOwnRecord(paths);
  const isPending = Object.values(devices).some((one) => one.pending);
  if (!isPending) return [];
  using qmp = await openMonitor(paths.qmp, options);
  return duePending(await readFacts(paths, qmp));
}
