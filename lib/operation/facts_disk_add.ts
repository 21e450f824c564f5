/**
 * What adding a disk depends on besides the instance.
 *
 * @module
 */

import { inspectSource, type Source, uriSource } from "../host/source.ts";
import { isShared } from "../device/dev_type.ts";
import { isUri } from "../device/storage_uri.ts";
import { FDSET_COMMANDS, IOTHREADS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { Facts, NodeFacts } from "./facts.ts";
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
  /** Why QEMU does not get at a URI, undefined if nothing is known to. */
  readonly uriFault: string | undefined;
}

/** Whether QEMU is to open the disk by itself. */
function opensItself(facts: Facts, { via }: DiskAdd): boolean {
  if (via !== undefined) return via !== "fdset";
  return FDSET_COMMANDS.some((name) => !facts.qemu.commands.has(name));
}

/**
 * Looks at the source of a new disk.
 *
 * @param world keeps the O_PATH fd of the source as `source-pin`
 * @throws {HotplugError} `refused`
 */
export async function readSource(
  { content }: NodeFacts,
  request: DiskAdd,
  world: World,
): Promise<Source> {
  if (isUri(request.source)) return uriSource(request.source);
  const { diskCache } = content.runtime.hvparams;
  const { access = "rw", cache = diskCache } = request.settings;
  const { source, pinned } = await inspectSource(request.source, {
    access,
    direct: cache === "none" ||
      (request.ganeti !== undefined && isShared(request.ganeti.devType)),
  });
  world.keepFd("source-pin", pinned);
  return source;
}

/** Adds what plugging a disk depends on, but for its source. */
export async function readDiskAddFacts(
  facts: Facts,
  request: DiskAdd,
  { source, world }: { source: Source; world: World },
): Promise<DiskAddFacts> {
  const iothreads = request.iothread === undefined
    ? new Set<string>()
    : await ask(world.qmp, IOTHREADS);
  const none = { access: undefined, uriFault: undefined };
  if (source.kind === "uri") {
    const { uriFault } = await import("./facts_uri.ts");
    const fault = uriFault(source.path, facts.qemu.process);
    return { ...facts, source, iothreads, ...none, uriFault: fault };
  }
  if (!opensItself(facts, request)) {
    return { ...facts, source, iothreads, ...none };
  }
  const { readAccessFacts } = await import("./facts_access.ts");
  const { access = "rw" } = request.settings;
  const reading = { pinned: world.fd("source-pin"), access };
  const seen = await readAccessFacts(facts.qemu, source, reading);
  return { ...facts, source, iothreads, ...none, access: seen };
}
