/**
 * Whether the live QEMU, this node and the runtime file describe the same
 * machine: device by device, then what belongs to no recorded device. Pure.
 *
 * @module
 */

import { backendOf, isEmptied, servesUnnamed } from "../device/backend.ts";
import { sitsAsRecorded } from "../device/bus_slot.ts";
import { rootBus } from "../device/pci_bus.ts";
import { titleOf } from "../device/select.ts";
import { type DriftFacts, findDrift, readDriftFacts } from "../disk/drift.ts";
import { readConfinement } from "../host/confinement.ts";
import type { NicFiles } from "../host/nic_file.ts";
import { findQemu } from "../host/process.ts";
import { nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { DRIVERS, propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import { optionValues } from "../state/kvm_options.ts";
import type {
  DeviceEntry,
  DiskEntry,
  NicEntry,
  Runtime,
} from "../state/runtime.ts";
import { readUidFile, uidFile } from "./uid_file.ts";

/** One thing on which they differ. */
export interface Difference {
  /** One line for a person. */
  readonly what: string;
  /** What mends it, or whom it concerns. */
  readonly hint: string;
}

/** Properties of a live device; those it does not have are left out. */
export type LiveProperties = Readonly<
  Record<string, string | number | undefined>
>;

/** What is compared. */
export interface VerifyFacts {
  /** Whose hints name files and commands. */
  readonly paths: InstancePaths;
  /** The file. */
  readonly runtime: Runtime;
  /** The VM. */
  readonly qemu: QemuFacts;
  /** QEMU's driver by device id. */
  readonly drivers: ReadonlyMap<string, string>;
  /** By device id: `mac` of a NIC; `channel`, `scsi-id`, `lun` of a disk. */
  readonly properties: ReadonlyMap<string, LiveProperties>;
  /** Where the disks' links lead. */
  readonly drift: DriftFacts;
  /** Undefined where Ganeti has no place for them. */
  readonly nicFiles: NicFiles | undefined;
  /** Pid and uid files that do not fit, found by looking. */
  readonly process: readonly Difference[];
}

const OTHER_MACHINE =
  "a start or migration from the file makes another machine; remove the device and add it again";

function absent(facts: VerifyFacts, entry: DeviceEntry): Difference[] {
  const { name } = facts.paths;
  const { id } = entry.hvinfo;
  const title = titleOf(entry);
  if (id === undefined) {
    return [{
      what: `${title} is recorded without a device id`,
      hint: `adopt ${name} records what it can prove`,
    }];
  }
  if (facts.drivers.has(id) || servesUnnamed(facts.qemu.block, id)) return [];
  return [{
    what: `${title} is recorded, but QEMU has no device ${id}`,
    hint: `${entry.kind} remove ${name} ${entry.uuid ?? entry.index}`,
  }];
}

function placeOf(entry: DeviceEntry, facts: VerifyFacts): Difference[] {
  const { id = "", bus, slot, channel, scsiId, lun } = entry.hvinfo;
  const live = facts.properties.get(id) ?? {};
  const title = titleOf(entry);
  if (scsiId !== undefined) {
    const same = String(live["parent_bus"]).endsWith(`/${bus}`) &&
      live["scsi-id"] === scsiId &&
      (live["channel"] ?? 0) === (channel ?? 0) &&
      (live["lun"] ?? 0) === (lun ?? 0);
    return same ? [] : [{
      what:
        `${title} is recorded as target ${scsiId} of ${bus}, QEMU has it as ${
          live["scsi-id"]
        } of ${String(live["parent_bus"]).split("/").at(-1)}`,
      hint: OTHER_MACHINE,
    }];
  }
  if (slot === undefined) return [];
  const there = facts.qemu.pci.find((one) => one.id === id);
  if (sitsAsRecorded(entry.hvinfo, there)) return [];
  const where = there === undefined
    ? "on no PCI bus"
    : `in slot ${there.slot} of ${
      there.behind || rootBus(facts.qemu.machine).name
    }`;
  return [{
    what:
      `${title} is recorded in slot ${slot} of ${bus}, QEMU has it ${where}`,
    hint: OTHER_MACHINE,
  }];
}

function driverOf(entry: DeviceEntry, facts: VerifyFacts): Difference[] {
  const { id = "", driver } = entry.hvinfo;
  const live = facts.drivers.get(id);
  if (driver === undefined || driver === live) return [];
  return [{
    what: `${titleOf(entry)} is recorded as ${driver}, QEMU has a ${live}`,
    hint: OTHER_MACHINE,
  }];
}

function backendOfNic(nic: NicEntry, facts: VerifyFacts): Difference[] {
  const { id = "" } = nic.hvinfo;
  const title = titleOf(nic);
  const mac = facts.properties.get(id)?.mac;
  const differences: Difference[] = [];
  if (typeof mac === "string" && mac.toLowerCase() !== nic.mac?.toLowerCase()) {
    const what = `${title} is recorded with MAC ${nic.mac}, QEMU has ${mac}`;
    differences.push({ what, hint: OTHER_MACHINE });
  }
  const netdev = facts.qemu.netdevs.get(id);
  if (netdev === undefined) {
    const what = `${title} has no network backend ${id}`;
    const hint = `nic remove ${facts.paths.name} ${nic.uuid ?? nic.index}`;
    return [...differences, { what, hint }];
  }
  const file = facts.nicFiles?.[String(nic.index)];
  const { nicDir } = facts.paths;
  if (nicDir === undefined || netdev.tap === undefined) return differences;
  if (facts.nicFiles === undefined || file === netdev.tap) return differences;
  return [...differences, {
    what: `NIC file ${nicDir}/${nic.index} names ${
      file ?? "nothing"
    }, the tap of ${title} is ${netdev.tap}`,
    hint: `printf %s ${netdev.tap} > ${nicDir}/${nic.index}`,
  }];
}

function mediumOf(disk: DiskEntry, facts: VerifyFacts): Difference[] {
  const { id = "" } = disk.hvinfo;
  const live = backendOf(facts.qemu.block, id);
  if (live !== undefined && live.nodeName !== "") return [];
  if (isEmptied(disk, facts.qemu.block)) return [];
  return [{
    what: `${titleOf(disk)} has no block node behind it in QEMU`,
    hint: `disk remove ${facts.paths.name} ${disk.uuid ?? disk.index}`,
  }];
}

function ofEntry(entry: DeviceEntry, facts: VerifyFacts): Difference[] {
  const gone = absent(facts, entry);
  if (gone.length > 0) return gone;
  // A drive's device has no id by which to ask for more.
  if (!facts.drivers.has(entry.hvinfo.id ?? "")) return [];
  return [
    ...driverOf(entry, facts),
    ...placeOf(entry, facts),
    ...(entry.kind === "disk"
      ? mediumOf(entry, facts)
      : backendOfNic(entry, facts)),
  ];
}

/** Devices with an id that neither the lists nor the fixed part have. */
function unrecorded(facts: VerifyFacts): Difference[] {
  const { disks, nics, kvmCmd } = facts.runtime;
  const known = new Set([...disks, ...nics].map(({ hvinfo }) => hvinfo.id));
  const fixed = optionValues(kvmCmd, "-device")
    .map((value) => /(?:^|,)id=([^,]+)/.exec(value)?.[1]);
  return [...facts.drivers]
    .filter(([id]) => !known.has(id) && !fixed.includes(id))
    .map(([id, driver]) => ({
      what: `QEMU has a ${driver} ${id} that the file does not record`,
      hint: `adopt ${facts.paths.name} records what it can prove`,
    }));
}

/** A machine type without a version stands for the newest of its kind. */
function sameMachine(recorded: string, live: string): boolean {
  if (recorded === "pc") return /^pc-(?:i440fx-)?\d/.test(live);
  if (recorded === "q35") return live.startsWith("pc-q35-");
  return recorded === live;
}

function machine({ runtime, qemu }: VerifyFacts): Difference[] {
  const values = ["-machine", "-M"].flatMap((option) =>
    optionValues(runtime.kvmCmd, option)
  );
  const recorded = values.map((value) =>
    /(?:^|,)type=([^,]+)/.exec(value)?.[1] ??
      /^[^,=]+(?=,|$)/.exec(value)?.[0]
  ).findLast((one) => one !== undefined);
  if (recorded === undefined || sameMachine(recorded, qemu.machine)) return [];
  return [{
    what: `The file starts a ${recorded}, QEMU is a ${qemu.machine}`,
    hint: "stop and start the instance",
  }];
}

function leftNicFiles({ nicFiles, runtime, paths }: VerifyFacts): Difference[] {
  return Object.keys(nicFiles ?? {})
    .filter((name) => Number(name) >= runtime.nics.length)
    .map((name) => ({
      what: `NIC file ${paths.nicDir}/${name} belongs to no recorded NIC`,
      hint: `rm ${paths.nicDir}/${name}`,
    }));
}

/** All differences, the recorded devices first. */
export function verify(facts: VerifyFacts): Difference[] {
  const { disks, nics } = facts.runtime;
  return [
    ...[...disks, ...nics].flatMap((entry) => ofEntry(entry, facts)),
    ...findDrift(disks, facts.drift).map(({ what, hint }) => ({ what, hint })),
    ...unrecorded(facts),
    ...machine(facts),
    ...leftNicFiles(facts),
    ...facts.process,
  ];
}

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
