/**
 * Asks a live QEMU before any decision.
 *
 * @module
 */

import {
  type BridgeProperties,
  busBehind,
  hotplugProperty,
  namedBridges,
  type PciBus,
  rootBus,
} from "../device/pci_bus.ts";
import {
  findQemu,
  type QemuProcess,
  qemuWithPid,
  tapBehind,
} from "../host/process.ts";
import { startOf } from "../host/process_identity.ts";
import { interfaceIndex } from "../host/tap_holders.ts";
import type { QmpSession } from "../qmp/client.ts";
import {
  BLOCK,
  COMMANDS,
  FDSETS,
  MACHINE,
  MIGRATION,
  NAME,
  NETDEVS,
  NODE_NAMES,
  RUN_STATE,
} from "../qmp/commands.ts";
import {
  ACPI,
  bridgeQueries,
  DRIVERS,
  ROOT_HANDLER,
  ROOT_SELECTOR,
  selector,
} from "../qmp/device_queries.ts";
import { PCI, type PciDevice } from "../qmp/pci_query.ts";
import {
  type Answers,
  type Query,
  type Questions,
  sendAll,
} from "../qmp/query.ts";
import { list, text } from "../qmp/reading.ts";
import type { InstancePaths } from "../state/instance.ts";
import {
  completeFacts,
  expectRuntime,
  type Facts,
  type NetdevFacts,
  type QemuFacts,
  readNode,
} from "./facts.ts";
import type { Register } from "./recorded.ts";

/** The VM's process: by Ganeti's pid file, else the server of the socket. */
function findProcess(
  qmp: QmpSession,
  name: string,
  paths: InstancePaths,
): QemuProcess | undefined {
  const peer = () => qemuWithPid(qmp.peer().pid, name);
  const filed = () => findQemu(paths.pid, paths.name);
  if (paths.isDerived) return filed() ?? peer();
  return peer() ?? (name === paths.name ? filed() : undefined);
}

/** The same question, of a fact that is settled when QEMU starts. */
function lasting<T>(query: Query<T>): Query<T> {
  return { ...query, lasts: "as-qemu" };
}

/** The questions about the PCI devices and the root bus. */
export const BUS_QUESTIONS = {
  machine: lasting(MACHINE),
  acpi: lasting(ACPI),
  rootHandler: lasting(ROOT_HANDLER),
  rootSelector: lasting(ROOT_SELECTOR),
  pci: PCI,
} as const;

/** All questions to QEMU, sent at once. */
const QUESTIONS = {
  ...BUS_QUESTIONS,
  name: lasting(NAME),
  runState: RUN_STATE,
  migration: MIGRATION,
  commands: lasting(COMMANDS),
  drivers: DRIVERS,
  nodeNames: NODE_NAMES,
  block: BLOCK,
  fdsets: FDSETS,
  netdevs: NETDEVS,
} as const;

/** Answers by the names of the questions. */
type Answered = Readonly<Record<string, unknown>>;

/** The lasting answers of one QEMU. */
interface Known {
  /** The process that gave them. */
  readonly pid: number;
  /** Its start, in clock ticks from boot. */
  readonly start: number;
  readonly answers: Answered;
}

/** More VMs than a node runs. */
const MAX_KNOWN = 256;

/**
 * By the path of the QMP socket. In `rpc`, each question that is not asked saves
 * a millisecond, as QEMU reads it byte by byte.
 */
const known = new Map<string, Known>();

/** What the QEMU at the other end has answered before. */
function recall(qmp: QmpSession, path: string): Answered {
  const one = known.get(path);
  if (one === undefined || qmp.peer().pid !== one.pid) return {};
  return startOf(one.pid) === one.start ? one.answers : {};
}

/**
 * Keeps answers if the process at the other end is that QEMU itself: behind a
 * proxy may be another one next time.
 */
function remember(
  answers: Answered,
  process: QemuProcess | undefined,
  { qmp, path }: { readonly qmp: QmpSession; readonly path: string },
): void {
  if (process === undefined || qmp.peer().pid !== process.pid) return;
  const start = startOf(process.pid);
  if (start === undefined) return;
  known.delete(path);
  const [oldest] = known.keys();
  if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  known.set(path, { pid: process.pid, start, answers });
}

function pick(answered: Answered, names: Iterable<string>): Answered {
  return Object.fromEntries([...names].map((name) => [name, answered[name]]));
}

/**
 * Asks a live QEMU for everything that matters. QEMU works on the answers for
 * some milliseconds: the caller can do other work after this returns.
 *
 * @param register further questions of the kinds, and what is not asked
 * @returns awaits the answers
 */
export async function askQemu(
  qmp: QmpSession,
  paths: InstancePaths,
  { asks, netdevs }: Pick<Register, "asks" | "netdevs">,
): Promise<() => Promise<QemuFacts>> {
  const before = recall(qmp, paths.qmp);
  const all: Questions = { ...asks, ...QUESTIONS };
  const settled: Answered = netdevs === "unasked"
    ? { ...before, netdevs: new Map() }
    : before;
  const asked = Object.entries(all).filter(([name]) => !(name in settled));
  const answers = await sendAll(qmp, Object.fromEntries(asked));
  return async () => {
    const answered: Answered = { ...settled, ...await answers() };
    const told = pick(answered, Object.keys(QUESTIONS)) as Told;
    const buses = await readBuses(told, qmp);
    const facts = readQemu({ ...told, buses }, qmp, paths);
    const fresh = asked.filter(([, { lasts }]) => lasts !== undefined)
      .map(([name]) => name);
    if (fresh.length > 0) {
      const kept = { ...before, ...pick(answered, fresh) };
      remember(kept, facts.process, { qmp, path: paths.qmp });
    }
    return { ...facts, more: pick(answered, Object.keys(asks)) };
  };
}

type Told = Answers<typeof QUESTIONS>;

/**
 * The PCI buses by the answers to {@linkcode BUS_QUESTIONS}. Asks more only if
 * the machine has bridges.
 */
export async function readBuses(
  { machine, pci, ...told }: Answers<typeof BUS_QUESTIONS>,
  qmp: QmpSession,
): Promise<PciBus[]> {
  const acpi = told.acpi === "off" ? "off" : "on";
  const { rootHandler: handler, rootSelector } = told;
  const root = rootBus(
    machine,
    handler === undefined
      ? undefined
      : { handler, selector: rootSelector, acpi },
  );
  const bridges = namedBridges(pci);
  if (bridges.length === 0) return [root];
  return [root, ...await askBridges(qmp, bridges, { root, acpi })];
}

function readQemu(
  answers: Told & { readonly buses: readonly PciBus[] },
  qmp: QmpSession,
  paths: InstancePaths,
): QemuFacts {
  const process = findProcess(qmp, answers.name, paths);
  const netdevs = new Map<string, NetdevFacts>();
  for (const [id, { fd, queues, nic, ifname }] of answers.netdevs) {
    const known = process !== undefined && fd !== undefined;
    const tap = known ? tapBehind(process.pid, fd) : ifname;
    const ifindex = tap === undefined ? tap : interfaceIndex(tap);
    netdevs.set(id, { tap, ifindex, queues, nic });
  }
  const deviceIds = new Set(answers.drivers.keys());
  return { ...answers, deviceIds, version: qmp.version, process, netdevs };
}

/** Asks for all bridges at once, and describes the buses behind them. */
export async function askBridges(
  qmp: QmpSession,
  bridges: readonly PciDevice[],
  { root, acpi }: Pick<BridgeProperties, "acpi"> & { root: PciBus },
): Promise<PciBus[]> {
  const queries = bridges.map((bridge) =>
    bridgeQueries(bridge.id, hotplugProperty(bridge))
  );
  const each = queries[0]?.length ?? 0;
  const values = await qmp.executeAll(queries.flat());
  return bridges.map((bridge, i) => {
    const [hotplug, handler, port, children, number] = values.slice(i * each);
    const properties: BridgeProperties = {
      hotplug: typeof hotplug === "boolean" ? hotplug : undefined,
      handler: typeof handler === "string" ? handler : "",
      selector: selector(number),
      acpi,
      port: typeof port === "number" ? port : undefined,
      devices: hasDevices(children) ? "some" : "none",
    };
    return busBehind(bridge, { properties, root });
  });
}

/** A bus has a link `child[N]` to each of its devices: hw/core/qdev.c. */
function hasDevices(children: unknown): boolean {
  return list(children).some(({ name }) => text(name).startsWith("child["));
}

/**
 * Reads file, QEMU and node, the file first.
 *
 * @throws {HotplugError}
 */
export async function readFacts(
  paths: InstancePaths,
  qmp: QmpSession,
  register: Register,
): Promise<Facts> {
  const content = expectRuntime(paths);
  const qemu = await askQemu(qmp, paths, register);
  const node = await readNode(paths, content);
  return await completeFacts(node, await qemu(), register);
}
