/**
 * What adding a disk depends on besides the instance.
 *
 * @module
 */

import { inspectSource, type Source } from "../host/source.ts";
import type { QmpSession } from "../qmp/client.ts";
import { IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { Facts } from "./facts.ts";
import type { DiskAdd } from "./request.ts";

/** What adding a disk depends on. */
export interface DiskAddFacts extends Facts {
  /** Inspected, not opened for writing. */
  readonly source: Source;
  /** Asked for only if the request names one. */
  readonly iothreads: ReadonlySet<string>;
}

/** Looks at the source; O_DIRECT is tried only where the cache may need it. */
async function readSource(facts: Facts, request: DiskAdd): Promise<Source> {
  const { diskCache } = facts.content.runtime.hvparams;
  const cache = request.settings.cache ?? diskCache;
  return await inspectSource(
    request.source,
    cache === "none" ? ["direct"] : [],
  );
}

/** Adds what plugging a disk depends on. */
export async function readDiskAddFacts(
  facts: Facts,
  request: DiskAdd,
  qmp: QmpSession,
): Promise<DiskAddFacts> {
  const iothreads = request.iothread === undefined
    ? new Set<string>()
    : await ask(qmp, IOTHREADS);
  return { ...facts, source: await readSource(facts, request), iothreads };
}
