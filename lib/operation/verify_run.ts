/**
 * Reads what a comparison of file, QEMU and node needs; changes nothing.
 *
 * @module
 */

import { readConfinement } from "../host/confinement.ts";
import { findQemu } from "../host/process.ts";
import type { QmpSession } from "../qmp/client.ts";
import { DRIVERS, propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { readDriftFacts } from "./facts_drift.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import { nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { readUidFile, uidFile } from "../inspect/uid_file.ts";
import {
  type Difference,
  type LiveProperties,
  verify,
} from "../inspect/verify.ts";

/** Properties that only a device of the right kind has. */
function propertiesFor({ kind, hvinfo }: DeviceEntry): string[] {
  if (kind === "nic") return ["mac"];
  return hvinfo.scsiId === undefined
    ? []
    : ["parent_bus", "channel", "scsi-id", "lun"];
}

async function readProperties(
  qmp: QmpSession,
  entry: DeviceEntry,
): Promise<LiveProperties> {
  const found: Record<string, string | number | undefined> = {};
  for (const property of propertiesFor(entry)) {
    try {
      const query = propertyOf(entry.hvinfo.id ?? "", property);
      found[property] = await ask(qmp, query);
    } catch (error) {
      // A device of another kind lacks it: that is said of its driver.
      if (!(error instanceof QmpCommandError)) throw error;
    }
  }
  return found;
}

/** Pid and uid files, by which Ganeti finds the VM and frees its user. */
function processFiles(
  { paths, runtime }: { paths: InstancePaths; runtime: Runtime },
  qemu: QemuFacts,
  peer: number,
): Difference[] {
  if (!paths.isDerived) return [];
  const filed = findQemu(paths.pid, paths.name);
  const differences = filed === undefined && qemu.process !== undefined
    ? [{
      what:
        `Pid file ${paths.pid} does not lead to the VM, whose pid is ${peer}`,
      hint: `printf '%s\\n' ${peer} > ${paths.pid}`,
    }]
    : [];
  if (runtime.hvparams.securityModel !== "pool") return differences;
  const recorded = readUidFile(paths);
  const uid = qemu.process && readConfinement(qemu.process)?.credentials.uid;
  if (uid === undefined || recorded === String(uid)) return differences;
  return [...differences, {
    what: `Uid file ${uidFile(paths)} says ${
      recorded ?? "nothing"
    }, QEMU runs as ${uid}`,
    hint: "Ganeti frees that uid when the instance stops",
  }];
}

/**
 * Compares an instance's file with its live QEMU and this node.
 *
 * @throws {HotplugError} status 4 if QEMU cannot be asked
 */
export async function verifyInstance(
  { paths, runtime }: { paths: InstancePaths; runtime: Runtime },
  options: MonitorOptions,
): Promise<Difference[]> {
  using qmp = await openMonitor(paths.qmp, options);
  try {
    const qemu = await (await askQemu(qmp, paths))();
    const drivers = await ask(qmp, DRIVERS);
    const properties = new Map<string, LiveProperties>();
    for (const entry of [...runtime.disks, ...runtime.nics]) {
      const { id } = entry.hvinfo;
      if (id === undefined || !drivers.has(id)) continue;
      properties.set(id, await readProperties(qmp, entry));
    }
    return verify({
      paths,
      runtime,
      qemu,
      drivers,
      properties,
      drift: readDriftFacts(runtime.disks, qemu),
      nicFiles: nicFilesOf(paths),
      process: processFiles({ paths, runtime }, qemu, qmp.peer().pid),
    });
  } catch (error) {
    throw nothingChanged(error);
  }
}
