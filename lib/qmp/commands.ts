/**
 * QEMU's answers, typed. A peer may answer anything: what does not fit the
 * schema is left out, never trusted.
 *
 * @module
 */

import type { QmpSession } from "./client.ts";
import { isJson, type Json } from "./message.ts";

/** One function on a PCI bus: `PciDeviceInfo` of qapi/pci.json. */
export interface PciDevice {
  /** Number of the bus it sits on, 0 for the root bus. */
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
  /** Device id, empty if it was given none. */
  readonly id: string;
  /** PCI class code, e.g. 0x0200 for Ethernet. */
  readonly class: number;
  readonly description: string;
  readonly vendor: number;
  readonly device: number;
  /** Device id of the bridge it sits behind; empty on the root bus. */
  readonly behind: string;
}

/** One set of `query-fdsets`. */
export interface Fdset {
  readonly id: number;
  readonly opaques: readonly string[];
  /** File descriptors QEMU still holds for reopening, 0 after remove-fd. */
  readonly fds: number;
}

/** A disk as the guest has it: `BlockInfo` of qapi/block-core.json. */
export interface BlockBackend {
  /** Device id or QOM path of the frontend, empty if there is none. */
  readonly qdev: string;
  /** Name of the backend made by `-drive`, else empty. */
  readonly device: string;
  readonly nodeName: string;
  /** Virtual size in bytes, undefined for an empty drive. */
  readonly sizeBytes: number | undefined;
  readonly file: string;
}

/** Bridges within bridges deeper than this are not followed. */
const MAX_BRIDGES = 16;

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function whole(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

function object(value: unknown): Json {
  return isJson(value) ? value : {};
}

function readPci(devices: Json[], behind: string, depth: number): PciDevice[] {
  return devices.flatMap((one) => {
    const kind = object(one.class_info);
    const id = object(one.id);
    const device: PciDevice = {
      bus: whole(one.bus),
      slot: whole(one.slot),
      function: whole(one.function),
      id: text(one.qdev_id),
      class: whole(kind.class),
      description: text(kind.desc),
      vendor: whole(id.vendor),
      device: whole(id.device),
      behind,
    };
    const inner = list(object(one.pci_bridge).devices);
    if (depth === 0) return [device];
    return [device, ...readPci(inner, device.id, depth - 1)];
  });
}

/** Every PCI function, those behind bridges included. */
export async function queryPci(qmp: QmpSession): Promise<PciDevice[]> {
  const buses = list(await qmp.execute("query-pci"));
  return buses.flatMap((bus) => readPci(list(bus.devices), "", MAX_BRIDGES));
}

/** Names of all commands this QEMU has. */
export async function queryCommands(qmp: QmpSession): Promise<Set<string>> {
  const commands = list(await qmp.execute("query-commands"));
  return new Set(commands.map((command) => text(command.name)));
}

/** Run state, e.g. `running`, `paused`, `inmigrate`: qapi/run-state.json. */
export async function queryRunState(qmp: QmpSession): Promise<string> {
  return text(object(await qmp.execute("query-status")).status);
}

/** Migration status, e.g. `active`; empty if there was none yet. */
export async function queryMigration(qmp: QmpSession): Promise<string> {
  return text(object(await qmp.execute("query-migrate")).status);
}

/** The guest's `-name`, empty if it has none. */
export async function queryName(qmp: QmpSession): Promise<string> {
  return text(object(await qmp.execute("query-name")).name);
}

/** Node-names of the block graph. */
export async function queryNodeNames(qmp: QmpSession): Promise<Set<string>> {
  const nodes = list(
    await qmp.execute("query-named-block-nodes", { flat: true }),
  );
  return new Set(nodes.map((node) => text(node["node-name"])));
}

/** What each guest disk is backed by. */
export async function queryBlock(qmp: QmpSession): Promise<BlockBackend[]> {
  return list(await qmp.execute("query-block")).map((one) => {
    const inserted = object(one.inserted);
    const size = object(inserted.image)["virtual-size"];
    return {
      qdev: text(one.qdev),
      device: text(one.device),
      nodeName: text(inserted["node-name"]),
      sizeBytes: typeof size === "number" ? size : undefined,
      file: text(inserted.file),
    };
  });
}

/** The fd sets QEMU keeps. */
export async function queryFdsets(qmp: QmpSession): Promise<Fdset[]> {
  return list(await qmp.execute("query-fdsets")).map((one) => {
    const fds = list(one.fds);
    return {
      id: whole(one["fdset-id"]),
      opaques: fds.map((fd) => text(fd.opaque)),
      fds: fds.length,
    };
  });
}

/** Ids of the iothreads. */
export async function queryIothreads(qmp: QmpSession): Promise<Set<string>> {
  const threads = list(await qmp.execute("query-iothreads"));
  return new Set(threads.map((thread) => text(thread.id)));
}

/** Ids of all devices that were given one, hot-plugged or not. */
export async function queryDeviceIds(qmp: QmpSession): Promise<Set<string>> {
  const path = "/machine/peripheral";
  const children = list(await qmp.execute("qom-list", { path }))
    .filter((child) => text(child.type).startsWith("child<"));
  return new Set(children.map((child) => text(child.name)));
}

/** Machine type, e.g. `pc-i440fx-7.2`. */
export async function queryMachine(qmp: QmpSession): Promise<string> {
  const type = await qmp.execute("qom-get", {
    path: "/machine",
    property: "type",
  });
  return text(type).replace(/-machine$/, "");
}

/** A network backend, as far as QEMU tells. */
export interface Netdev {
  /** QEMU's fd of the first queue. */
  readonly fd: number | undefined;
  readonly queues: number;
}

/**
 * The network backends by id. No QMP command lists them; in HMP's
 * `info network` a backend's id begins a line (` \\ ` comes before it when a
 * NIC uses it), ends at the first colon, and has a line for each queue.
 */
export async function queryNetdevs(
  qmp: QmpSession,
): Promise<Map<string, Netdev>> {
  const output = text(
    await qmp.execute("human-monitor-command", {
      "command-line": "info network",
    }),
  );
  const netdevs = new Map<string, Netdev>();
  for (const line of output.split(/\r?\n/)) {
    const match = /^(?: \\ )?([^\s:]+): index=\d+,type=(\w+)/.exec(line);
    if (match?.[1] === undefined || match[2] === "nic") continue;
    const known = netdevs.get(match[1]);
    const fd = /[,=]fd=(\d+)/.exec(line)?.[1];
    netdevs.set(match[1], {
      fd: known ? known.fd : fd === undefined ? undefined : Number(fd),
      queues: (known?.queues ?? 0) + 1,
    });
  }
  return netdevs;
}
