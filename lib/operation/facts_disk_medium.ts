/**
 * What changing a medium depends on besides the instance.
 *
 * @module
 */

import { isUri } from "../device/storage_uri.ts";
import { refuse } from "../errors.ts";
import { inspectSource } from "../host/source.ts";
import type { QmpSession } from "../qmp/client.ts";
import { ask } from "../qmp/query.ts";
import { TRAYS } from "../qmp/tray_queries.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import type { MediumFacts } from "../disk/medium.ts";
import type { NewMediumWish } from "./request.ts";
import type { World } from "../engine/world.ts";

/**
 * Looks at the new medium, if there is to be one.
 *
 * @param world keeps its O_PATH fd as `source-pin`
 * @throws {HotplugError} `refused`
 */
export async function readMedium(
  { content }: NodeFacts,
  { path }: NewMediumWish,
  world: World,
): Promise<MediumFacts["source"]> {
  if (path === null) return undefined;
  if (isUri(path)) {
    throw refuse(`A medium must be a file or block device: ${path} is a URI`);
  }
  const direct = content.runtime.hvparams.diskCache === "none";
  const reading = { access: "ro", direct } as const;
  const { source, pinned } = await inspectSource(path, reading);
  world.keepFd("source-pin", pinned);
  return source;
}

/** Adds what QEMU has in its drives. */
export async function readMediumFacts(
  facts: Facts,
  source: MediumFacts["source"],
  qmp: QmpSession,
): Promise<MediumFacts> {
  return { ...facts, source, trays: await ask(qmp, TRAYS) };
}
