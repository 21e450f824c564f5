/**
 * What is left of the world an interrupted operation acted on.
 *
 * @module
 */

import { HotplugError, refuse } from "../errors.ts";
import { lookForProcess, readBootId } from "../host/process_identity.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import type { QmpSession } from "../qmp/client.ts";
import { NAME } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { LeftJournal, LoadReader } from "./journal_read.ts";
import { World, type WorldOptions } from "./world.ts";

/** How an instance is reached to be put in order. */
export interface RecoverOptions
  extends MonitorOptions, Pick<WorldOptions, "unplugTimeoutMs"> {
  /** Reads what was interrupted. */
  readonly load: LoadReader;
}

/** Whether the QEMU that a journal was written for still runs. */
function isSameQemu({ qemu, boot }: LeftJournal): boolean {
  if (qemu !== null) return lookForProcess(qemu) === "same";
  return boot === readBootId();
}

/** A session with the instance's own VM, before anything else is asked. */
async function openOwnMonitor(
  paths: InstancePaths,
  options: MonitorOptions,
): Promise<QmpSession> {
  const qmp = await openMonitor(paths.qmp, options);
  try {
    refuseForeignVm(await ask(qmp, NAME), paths);
    return qmp;
  } catch (error) {
    qmp.close();
    throw error;
  }
}

/**
 * Opens the world of an interrupted operation; without a session if its QEMU
 * is gone. The values it had found out are in it.
 *
 * @throws {HotplugError} status 4 if QEMU runs and cannot be asked; `refused`
 * if the socket is another VM's
 */
export async function openWorldOf(
  journal: LeftJournal,
  paths: InstancePaths,
  options: RecoverOptions,
): Promise<World> {
  const more = { ...options, steps: journal.table, qmpPath: paths.qmp };
  try {
    const qmp = isSameQemu(journal)
      ? await openOwnMonitor(paths, options)
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
  for (const [what, value] of values) world.values.set(what, value);
  return world;
}

/** A journal that was written for a runtime file by another instance name. */
export function foreignJournal(
  instance: string,
  { name, runtime }: InstancePaths,
): HotplugError {
  return refuse(
    `A change of ${runtime} was interrupted, and it was begun for instance ${instance}, not for ${name}`,
    `give the same options with ${instance}: the next change of it or its repair puts it in order`,
  );
}

/**
 * Refuses to record in one VM's file what happens in another, unless file and
 * socket were both given.
 *
 * @param vm the `query-name` of who answers at the socket
 * @throws {HotplugError} `refused` if the socket is that of another VM
 */
export function refuseForeignVm(vm: string, paths: InstancePaths): void {
  if (paths.isGiven || vm === "" || vm === paths.name) return;
  throw refuse(
    `The QMP socket ${paths.qmp} is that of VM ${
      JSON.stringify(vm)
    }, not of ${paths.name}`,
    "give the file that goes with it by --state, if this is meant",
  );
}
