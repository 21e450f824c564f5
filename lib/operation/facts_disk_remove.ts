/**
 * What removing a disk depends on besides the instance.
 *
 * @module
 */

import { isMadeUp } from "../device/backend.ts";
import { BLOCK_GRAPH, type BlockGraph } from "../qmp/block_graph.ts";
import { ask } from "../qmp/query.ts";
import type { Facts } from "../plan/facts.ts";
import type { World } from "../engine/world.ts";

/** What removing a disk depends on. */
export interface DiskRemoveFacts extends Facts {
  /** Asked for only if there are nodes that no disk is named after. */
  readonly graph?: BlockGraph | undefined;
}

/** Adds what removing a disk depends on. */
export async function readDiskRemoveFacts(
  facts: Facts,
  { qmp }: World,
): Promise<DiskRemoveFacts> {
  const { commands, nodeNames } = facts.qemu;
  const { disks } = facts.content.runtime;
  const known = new Set(disks.map(({ hvinfo }) => hvinfo.id));
  const others = [...nodeNames].some((one) =>
    !isMadeUp(one) && !known.has(one)
  );
  if (!others || !commands.has(BLOCK_GRAPH.execute)) return facts;
  return { ...facts, graph: await ask(qmp, BLOCK_GRAPH) };
}
