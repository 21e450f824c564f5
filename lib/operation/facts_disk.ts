/**
 * What adding a disk depends on besides the instance.
 *
 * @module
 */

import { inspectSource, type Source } from "../host/source.ts";
import { isMadeUp } from "../device/backend.ts";
import { isShared } from "../device/dev_type.ts";
import { BLOCK_GRAPH, type BlockGraph } from "../qmp/block_graph.ts";
import { FDSET_COMMANDS, IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { Facts } from "./facts.ts";
import type { AccessFacts } from "./facts_access.ts";
import type { DiskAdd } from "./request.ts";
import type { World } from "./world.ts";

/** What adding a disk depends on. */
export interface DiskAddFacts extends Facts {
  /** Inspected, not opened for writing. */
  readonly source: Source;
  /** Asked for only if the request names one. */
  readonly iothreads: ReadonlySet<string>;
  /** Undefined if the disk goes opened, which needs no more. */
  readonly access: AccessFacts | undefined;
}

/** Whether QEMU is to open the disk by itself. */
function opensItself(facts: Facts, { via }: DiskAdd): boolean {
  if (via !== undefined) return via !== "fdset";
  return FDSET_COMMANDS.some((name) => !facts.qemu.commands.has(name));
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
    direct: cache === "none" ||
      (request.ganeti !== undefined && isShared(request.ganeti.devType)),
  });
  world.keepFd("source-pin", pinned);
  if (!opensItself(facts, request)) {
    return { ...facts, source, iothreads, access: undefined };
  }
  const { readAccessFacts } = await import("./facts_access.ts");
  const reading = { pinned, access };
  const seen = await readAccessFacts(facts.qemu, source, reading);
  return { ...facts, source, iothreads, access: seen };
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
