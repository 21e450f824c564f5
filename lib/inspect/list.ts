/**
 * Which devices an instance has, as file, QEMU and node have them. A question:
 * it changes nothing.
 *
 * @module
 */

import { servesUnnamed } from "../device/backend.ts";
import { sitsAsRecorded } from "../device/bus_slot.ts";
import { HotplugError, messageOf } from "../errors.ts";
import { isListenedTo } from "../host/connected_sockets.ts";
import type { NicFiles } from "../host/nic_file.ts";
import { findQemu } from "../host/process.ts";
import { libcFault } from "../sys/libc.ts";
import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import type { QmpSession } from "../qmp/client.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { expectRuntime, nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import { type OwnFacts, readOwnFacts } from "../engine/own_facts.ts";
import { interrupted } from "./attention.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { Reach } from "../engine/options.ts";
import { straysOf, strayView } from "../plan/strays.ts";
import { recordedView, type ViewFacts } from "../plan/view.ts";

/** How the three places compare for one device. */
export type DeviceStatus =
  | "ok"
  | "not-in-qemu"
  | "not-recorded"
  | "pending-removal"
  | "differs"
  /** The VM runs, and its QEMU could not be asked. */
  | "unasked";

/** A device and how the three places compare for it. */
export type ListedDevice = DeviceView & { readonly status: DeviceStatus };

/** One instance's devices. */
export interface InstanceListing {
  /** The name that was asked for. */
  readonly instance: string;
  /** As `list` of all instances has it. */
  readonly running: boolean;
  /** Null if the VM does not run, or its QEMU could not be asked. */
  readonly qemu: {
    readonly version: string;
    readonly machine: string;
    readonly pid: number | null;
    /** Of `query-status`. */
    readonly run_state: string;
  } | null;
  /** Recorded disks, recorded NICs, then what only QEMU has. */
  readonly devices: readonly ListedDevice[];
  /** For stderr, one line each. */
  readonly warnings: readonly string[];
}

/** How an instance is reached to be listed. */
export type ListOptions = Reach & MonitorOptions;

function statusOf(
  entry: DeviceEntry,
  qemu: QemuFacts,
  own: OwnFacts | undefined,
): DeviceStatus {
  const { id } = entry.hvinfo;
  if (id === undefined) return "not-in-qemu";
  if (!qemu.deviceIds.has(id)) {
    return servesUnnamed(qemu.block, id) ? "ok" : "not-in-qemu";
  }
  const noted = own?.record.devices[entry.uuid?.toLowerCase() ?? ""];
  if (noted?.pending?.id === id) return "pending-removal";
  const live = qemu.pci.find((one) => one.id === id);
  if (sitsAsRecorded(entry.hvinfo, live) === false) return "differs";
  return sitsElsewhere(entry, qemu) ? "differs" : "ok";
}

/** Whether a SCSI disk is another target than its entry says. */
function sitsElsewhere({ hvinfo }: DeviceEntry, { scsi }: QemuFacts): boolean {
  const { id, scsiId, bus } = hvinfo;
  if (scsiId === undefined || scsi === undefined) return false;
  return !scsi.some(({ name, children }) =>
    name === bus &&
    children.some((one) => one.name === id && one.scsiId === scsiId)
  );
}

function listDevices(
  runtime: Runtime,
  facts: ViewFacts,
  unasked: DeviceStatus,
): ListedDevice[] {
  const { qemu } = facts;
  const recorded = [...runtime.disks, ...runtime.nics];
  const strays = qemu === undefined ? [] : straysOf(qemu, runtime);
  return [
    ...recorded.map((entry) => ({
      ...recordedView(entry, facts),
      status: qemu === undefined ? unasked : statusOf(entry, qemu, facts.own),
    } as const)),
    ...strays.filter(({ has }) => has === "device").map((stray) => ({
      ...strayView(stray, qemu as QemuFacts),
      status: "not-recorded" as const,
    })),
  ];
}

/** Why QEMU has nothing to tell. */
interface NoAnswer {
  readonly why: string;
  readonly running: boolean;
}

/** What QEMU and this node's NIC files tell. */
interface Compared {
  readonly nicFiles: NicFiles | undefined;
  readonly qemu: QemuFacts | NoAnswer;
}

/** The SCSI buses, if there is anything to compare with them. */
async function withScsi(
  qemu: QemuFacts,
  qmp: QmpSession,
  { disks }: Runtime,
): Promise<QemuFacts> {
  if (disks.every(({ hvinfo }) => hvinfo.scsiId === undefined)) return qemu;
  const { readScsiBuses } = await import("../disk/scsi.ts");
  return { ...qemu, scsi: await readScsiBuses(qmp) };
}

async function askAround(
  paths: InstancePaths,
  runtime: Runtime,
  options: ListOptions,
): Promise<Compared> {
  const look = () => nicFilesOf(paths);
  const fault = libcFault();
  if (fault !== undefined) {
    const running = runs(paths) || isListenedTo(paths.qmp);
    return { nicFiles: look(), qemu: { why: fault.message, running } };
  }
  try {
    using qmp = await openMonitor(paths.qmp, options);
    const qemu = await askQemu(qmp, paths);
    // QEMU works on its answers meanwhile.
    const nicFiles = look();
    return { nicFiles, qemu: await withScsi(await qemu(), qmp, runtime) };
  } catch (error) {
    if (!isDown(error)) throw nothingChanged(error);
    const running = runs(paths);
    const why = running
      ? `the VM runs, but: ${messageOf(error)}`
      : "the VM does not run";
    return { nicFiles: look(), qemu: { why, running } };
  }
}

/** Whether Ganeti's pid file leads to its QEMU, whose monitor it is. */
function runs({ isDerived, pid, name }: InstancePaths): boolean {
  return isDerived && findQemu(pid, name) !== undefined;
}

/** A record that cannot be used hides nothing else. */
async function readOwn(
  paths: InstancePaths,
  qemu: QemuFacts | undefined,
): Promise<{ own: OwnFacts | undefined; warnings: string[] }> {
  try {
    const own = await readOwnFacts(paths, qemu?.process);
    return { own, warnings: [] };
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    return { own: undefined, warnings: [error.message] };
  }
}

function describeQemu(qemu: QemuFacts) {
  const { major, minor, micro } = qemu.version;
  return {
    version: `${major}.${minor}.${micro}`,
    machine: qemu.machine,
    pid: qemu.process?.pid ?? null,
    run_state: qemu.runState,
  };
}

/** The runtime file; a stand-in, and why, if there is none to understand. */
async function readRecord(
  paths: InstancePaths,
): Promise<{ runtime: Runtime; fault?: HotplugError }> {
  try {
    return expectRuntime(paths);
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    const { parseRuntime } = await import("../state/runtime.ts");
    const runtime = parseRuntime("[[], [], {}, []]", paths.runtime);
    return { runtime, fault: error };
  }
}

/**
 * The devices of one instance, as file and QEMU have them. A VM that does not
 * run is listed from its file, one without a file from QEMU.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function listInstance(
  instance: string,
  options: ListOptions,
): Promise<InstanceListing> {
  const paths = instancePaths(options.runDir, instance, {
    qmp: options.qmp,
    runtime: options.state,
  });
  const { runtime, fault } = await readRecord(paths);
  const { nicFiles, qemu: answer } = await askAround(paths, runtime, options);
  const qemu = "why" in answer ? undefined : answer;
  const none = "why" in answer ? answer : undefined;
  if (fault !== undefined && qemu === undefined) throw fault;
  const { own, warnings } = await readOwn(paths, qemu);
  const facts = { qemu, nicFiles, own, content: { runtime } };
  return {
    instance,
    running: none?.running ?? true,
    qemu: qemu === undefined ? null : describeQemu(qemu),
    devices: listDevices(
      runtime,
      facts,
      none?.running ? "unasked" : "not-in-qemu",
    ),
    warnings: [
      ...(fault ? [`${fault.message}: listed as QEMU has it`] : []),
      ...(none ? [`${none.why}: listed from the runtime file`] : []),
      ...[interrupted(paths)].flatMap((one) => one ?? []),
      ...warnings,
    ],
  };
}
