/**
 * Removals that the guest has completed since an earlier operation asked for
 * them.
 *
 * @module
 */

import type { RunOptions } from "../engine/options.ts";
import { mayHave } from "../engine/own_facts.ts";
import { messageOf, type Remark, remark, toldOf } from "../errors.ts";
import { type KindRequest, loadWholeKinds, registerOf } from "../kinds.ts";
import { openInstanceMonitor } from "../monitor/monitor.ts";
import { readFacts } from "../plan/ask_qemu.ts";
import { nameOf, noteFor } from "../plan/recorded.ts";
import { titleOf } from "../device/select.ts";
import type { InstancePaths } from "../state/instance.ts";
import { readOwnRecord } from "../state/own_record.ts";
import type { Outcome } from "./outcome.ts";
import type { Request } from "./request.ts";

/**
 * Requests that finish removals which the guest has completed, with their
 * devices.
 */
async function releasedRemovals(
  paths: InstancePaths,
  options: RunOptions,
): Promise<[KindRequest, what: string][]> {
  if (!mayHave(paths, "json")) return [];
  const noted = Object.values(readOwnRecord(paths).devices);
  if (noted.every(({ pending }) => pending === undefined)) return [];
  using qmp = await openInstanceMonitor(paths, options);
  const { own, content, qemu } = await readFacts(paths, qmp, registerOf([]));
  return (await loadWholeKinds()).flatMap(({ recorded, finish }) =>
    recorded(content.runtime).flatMap((one): [KindRequest, string][] => {
      const { id } = one.hvinfo;
      const pending = noteFor(own.record, one)?.pending;
      const isReleased = pending !== undefined && pending.id === id &&
        !qemu.deviceIds.has(id);
      if (!isReleased) return [];
      const request = finish(paths.name, nameOf(one) ?? id);
      return [[request, `${titleOf(one)} (${id})`]];
    })
  );
}

/**
 * Finishes the removals that the guest has completed since. A failure is only
 * reported, because it does not concern the present request, which may be
 * possible.
 *
 * @param settled gets the finished removals
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
    for (const [request, what] of await releasedRemovals(paths, options)) {
      const { device } = await carryOut(request);
      settled.push(remark(
        "removal-finished",
        `the guest has released ${what}: its removal is finished`,
        { device: device && toldOf(device) },
      ));
    }
  } catch (error) {
    settled.push(remark(
      "removal-not-finished",
      `a removal that the guest had completed was not finished: ${
        messageOf(error)
      }`,
    ));
  }
}
