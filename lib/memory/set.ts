/**
 * Plans to bring a guest's memory to a size, by whole operations. Pure.
 *
 * @module
 */

import type { Facts } from "../plan/facts.ts";
import type { Row, RowPart } from "../plan/kind.ts";
import {
  refuseImpossible,
  refusePending,
  refuseWithoutAcpi,
} from "../plan/requirements.ts";
import { ask } from "../qmp/query.ts";
import { memoryNow, refuseNoAddition, sayMemory, virtioMemOf } from "./add.ts";
import { liveMemory, MEMORY_DEVICES, memoryOf, totalBytes } from "./live.ts";
import { MEMORY } from "./name.ts";
import { refuseAboveMost } from "./place.ts";
import { recordedMemory } from "./recorded.ts";
import type { MemoryRequest, MemorySet } from "./request.ts";
import { resizeRequests } from "./resize.ts";
import { expectMachine } from "./rules.ts";
import { type MemoryChange, memoryChanges } from "./reach.ts";

/** One change: its requests, and how much more there is after the last. */
function partsOf(
  facts: Facts,
  change: MemoryChange,
): { readonly requests: readonly MemoryRequest[]; readonly more: number } {
  const { name: instance } = facts.paths;
  switch (change.do) {
    case "add": {
      const { sizeBytes } = change;
      const kind = "memory-add";
      const request = { kind, instance, sizeBytes, way: "dimm" } as const;
      return { requests: [request], more: sizeBytes };
    }
    case "remove": {
      const { id: device } = change;
      const kind = "memory-remove";
      const requests = [{ kind, instance, device } as const];
      const more = -(liveMemory(facts.qemu, device)?.pluggedBytes ?? 0);
      return { requests, more };
    }
    case "resize": {
      const live = liveMemory(facts.qemu, change.id);
      if (live === undefined) return { requests: [], more: 0 };
      const { requestedBytes } = change;
      const requests = resizeRequests(facts, live, requestedBytes);
      return { requests, more: requestedBytes - live.pluggedBytes };
    }
    default:
      return change satisfies never;
  }
}

/**
 * Plans `memory set`.
 *
 * @throws {HotplugError} status 3
 */
export function planMemorySet(
  { sizeBytes }: MemorySet,
  facts: Facts,
): Row<MemoryRequest> {
  refuseImpossible(facts, MEMORY.needs["memory-set"]);
  const before = memoryNow(facts);
  const { devices } = memoryOf(facts.qemu);
  if (sizeBytes < before) refuseWithoutAcpi(facts, "memory");
  else {
    recordedMemory(facts.content.runtime)
      .filter(({ hvinfo: { id } }) => liveMemory(facts.qemu, id) !== undefined)
      .forEach((one) => refusePending(facts, one));
  }
  const machine = expectMachine(facts);
  // Only DIMMs can bring more: no size next to this one would do.
  if (sizeBytes > before && virtioMemOf(facts) === undefined) {
    refuseNoAddition(facts, "memory-set");
    refuseAboveMost(machine, sizeBytes, before);
  }
  const changes = memoryChanges(machine, devices, sizeBytes);
  let reached = before;
  const parts = changes.flatMap((change): RowPart<MemoryRequest>[] => {
    const { requests, more } = partsOf(facts, change);
    const [last = reached, was] = [reached + more, reached];
    reached = last;
    return requests.map((request, at) => ({
      request,
      reached: at === requests.length - 1 ? last : was,
    }));
  });
  return {
    ...{ action: "set", before, parts, say: sayMemory },
    count: async (qmp) => totalBytes(machine, await ask(qmp, MEMORY_DEVICES)),
  };
}
