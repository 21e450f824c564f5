/**
 * What adding a disk depends on besides the instance.
 *
 * @module
 */

import { inspectSource, type Source } from "../host/source.ts";
import { isMadeUp } from "../device/backend.ts";
import { BLOCK_GRAPH, type BlockGraph } from "../qmp/block_graph.ts";
import { IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { Facts } from "./facts.ts";
import type { DiskAdd } from "./request.ts";
import type { World } from "./world.ts";

/** What adding a disk depends on. */
export interface DiskAddFacts extends Facts {
  /** Inspected, not opened for writing. */
  readonly source: Source;
  /** Asked for only if the request names one. */
  readonly iothreads: ReadonlySet<string>;
}

/**
 * Adds what plugging a disk depends on.
 *
 * @param world keeps the O_PATH fd of the source as `source-pin`
 */
export async function readDiskAddFacts(
  facts: Facts,
  request: DiskAdd,
  world: World,
): Promise<DiskAddFacts> {
  const iothreads = request.iothread === undefined
    ? new Set<string>()
    : await ask(world.qmp, IOTHREADS);
  const { diskCache } = facts.content.runtime.hvparams;
  const { access = "rw", cache = diskCache } = request.settings;
  const { source, pinned } = await inspectSource(request.source, {
    access,
    direct: cache === "none",
  });
  world.keepFd("source-pin", pinned);
  return { ...facts, source, iothreads };
}

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
