/**
 * What is left of the world an interrupted operation acted on.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { lookForProcess, readBootId } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { LeftJournal } from "./journal_read.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";
import { World } from "./world.ts";

/** How an instance is reached to be put in order. */
export interface RecoverOptions extends MonitorOptions {
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Ends a wait for the guest at once. */
  readonly signal?: AbortSignal | undefined;
}

/** Whether the QEMU that a journal was written for still runs. */
function isSameQemu({ qemu, boot }: LeftJournal): boolean {
  if (qemu !== null) return lookForProcess(qemu) === "same";
  return boot === readBootId();
}

/**
 * Opens the world of an interrupted operation; without a session if its QEMU
 * is gone. The values it had found out are in it.
 *
 * @throws {HotplugError} status 4 if QEMU runs and cannot be asked
 */
export async function openWorldOf(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<World> {
  const more = { ...options, qmpPath: paths.qmp };
  try {
    const qmp = isSameQemu(journal)
      ? await openMonitor(paths.qmp, options)
      : undefined;
    return filled(new World(qmp, more), journal);
  } catch (error) {
    // A VM whose process is not known is gone when nobody listens for it.
    const gone = journal.qemu === null && error instanceof HotplugError &&
      error.code === "not-running";
    if (!gone) throw error;
    return filled(new World(undefined, more), journal);
  }
}

function filled(world: World, { values }: LeftJournal): World {
  for (const [name, value] of values) world.values.set(name, value);
  return world;
}
