/**
 * Reads what the command line of an instance depends on; changes nothing.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import type { Runtime } from "../state/runtime.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { expectRuntime, nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import type { Reach } from "./request.ts";
import { type StartCommand, startCommand } from "../inspect/start_command.ts";
import { readUidFile } from "../inspect/uid_file.ts";

/** Ids of the NICs whose option ROM is none. */
async function readRomless(
  qmp: QmpSession,
  { nics }: Runtime,
): Promise<Set<string>> {
  const romless = new Set<string>();
  for (const { hvinfo: { id } } of nics) {
    if (id === undefined) continue;
    try {
      if (await ask(qmp, propertyOf(id, "romfile")) === "") romless.add(id);
    } catch (error) {
      // Not there, or no PCI device.
      if (!(error instanceof QmpCommandError)) throw error;
    }
  }
  return romless;
}

interface Live {
  readonly qemu: QemuFacts | undefined;
  readonly romless: ReadonlySet<string>;
}

async function readLive(
  { paths, runtime }: { paths: InstancePaths; runtime: Runtime },
  options: MonitorOptions,
): Promise<Live> {
  try {
    using qmp = await openMonitor(paths.qmp, options);
    const qemu = await (await askQemu(qmp, paths))();
    return { qemu, romless: await readRomless(qmp, runtime) };
  } catch (error) {
    if (!isDown(error)) throw nothingChanged(error);
    return { qemu: undefined, romless: new Set() };
  }
}

/**
 * The command line that starts a machine identical to an instance, which need
 * not run.
 *
 * @throws {HotplugError} status 3; 4 if QEMU runs and cannot be asked
 */
export async function readStartCommand(
  instance: string,
  options: Reach & MonitorOptions & { readonly incoming: string | undefined },
): Promise<StartCommand> {
  const paths = instancePaths(options.runDir, instance, {
    qmp: options.qmp,
    runtime: options.state,
  });
  const { runtime } = expectRuntime(paths);
  return startCommand({
    paths,
    runtime,
    ...await readLive({ paths, runtime }, options),
    nicFiles: nicFilesOf(paths),
    uid: readUidFile(paths),
    incoming: options.incoming,
  });
}
