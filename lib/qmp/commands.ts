/**
 * QEMU's answers, typed. A peer may answer anything: values that do not fit the
 * schema are left out, never trusted.
 *
 * @module
 */

import type { Json } from "./message.ts";
import type { Query } from "./query.ts";
import { list, object, type Size, size, text, whole } from "./reading.ts";

const RATES = [
  ...["iops", "iops_rd", "iops_wr"] as const,
  ...["bps", "bps_rd", "bps_wr"] as const,
] as const;

/**
 * QEMU's names of the limits of a disk, in `block_set_io_throttle` and in
 * `query-block`: rates for both directions together, or for one; for each rate
 * the higher rate of a burst and the longest burst in seconds; the bytes that
 * count as one operation.
 */
export const THROTTLES = [
  ...RATES,
  ...RATES.map((rate) => `${rate}_max` as const),
  ...RATES.map((rate) => `${rate}_max_length` as const),
  "iops_size",
] as const;
/** One of {@linkcode THROTTLES}. */
export type Throttle = typeof THROTTLES[number];

/** States of the tray of a drive; the guest cannot reach a medium in an open one. */
export const TRAY_STATES = ["open", "closed", "locked"] as const;
/** One of {@linkcode TRAY_STATES}. */
export type Tray = typeof TRAY_STATES[number];

/** A disk in the view of the guest: `BlockInfo` of qapi/block-core.json. */
export interface BlockBackend {
  /** Device id or QOM path of the frontend, empty if there is none. */
  readonly qdev: string;
  /** Name of the backend made by `-drive`, else empty. */
  readonly device: string;
  /** Node-name of the topmost node, empty for an empty drive. */
  readonly nodeName: string;
  /** Virtual size in bytes, undefined for an empty drive. */
  readonly sizeBytes: Size | undefined;
  /**
   * The file that QEMU opened, e.g. `/dev/fdset/1`; empty for an empty drive.
   */
  readonly file: string;
  /** Block driver of the topmost node, if it is an image format. */
  readonly format?: string | undefined;
  /** Undefined for an empty drive. */
  readonly readOnly?: boolean | undefined;
  /** Undefined for an empty drive. */
  readonly cache?:
    | Readonly<Record<"direct" | "writeback", boolean>>
    | undefined;
  /** Whether a medium can be changed. @default "no" */
  readonly medium?: "removable" | "no";
  /** `locked`: by the guest. Undefined: it has none. */
  readonly tray?: Tray | undefined;
  /** Operations and bytes a second; 0: no limit. Undefined: no limits. */
  readonly throttles?: Readonly<Partial<Record<Throttle, number>>>;
  /** Its throttle group, undefined without limits. */
  readonly throttleGroup?: string | undefined;
}

/** A network backend, as far as QEMU tells it. */
export interface Netdev {
  /** QEMU's fd of the first queue. */
  readonly fd: number | undefined;
  /** At least 1. */
  readonly queues: number;
  /** Id of the NIC that uses it; for a NIC without id, QEMU's name for it. */
  readonly nic?: string | undefined;
  /** Name of a tap that QEMU opened itself. */
  readonly ifname?: string | undefined;
}

/** The names in a list of objects. */
function namesIn(execute: string, member: string): Query<Set<string>> {
  const read = (value: unknown) =>
    new Set(list(value).map((one) => text(one[member])));
  return { execute, read };
}

/** A text in an object; empty if there is none. */
function textIn(execute: string, member: string): Query<string> {
  return { execute, read: (value) => text(object(value)[member]) };
}

/** Names of all commands this QEMU has. */
export const COMMANDS = namesIn("query-commands", "name");

/** Run state, e.g. `running`, `paused`, `inmigrate`: qapi/run-state.json. */
export const RUN_STATE = textIn("query-status", "status");

/** Migration status, e.g. `active`; empty if there was none yet. */
export const MIGRATION = textIn("query-migrate", "status");

/** The guest's `-name`, empty if it has none. */
export const NAME = textIn("query-name", "name");

/** Node-names of the block graph. */
export const NODE_NAMES: Query<Set<string>> = {
  ...namesIn("query-named-block-nodes", "node-name"),
  args: { flat: true },
};

/** Ids of the iothreads. */
export const IOTHREADS = namesIn("query-iothreads", "id");

/** From `BlockdevCacheInfo` of qapi/block-core.json. */
function readCache({ direct, writeback }: Json): BlockBackend["cache"] {
  if (typeof direct !== "boolean") return undefined;
  return { direct, writeback: writeback !== false };
}

/** Undefined if it has none, such as a floppy drive. */
function readTray({ removable, tray_open: isOpen, locked }: Json) {
  if (removable !== true || typeof isOpen !== "boolean") return undefined;
  return isOpen ? "open" : locked === true ? "locked" : "closed";
}

function readBackend(one: Json): BlockBackend {
  const inserted = object(one.inserted);
  return {
    qdev: text(one.qdev),
    device: text(one.device),
    nodeName: text(inserted["node-name"]),
    sizeBytes: size(object(inserted.image)["virtual-size"]),
    file: text(inserted.file),
    format: inserted.drv === "qcow2" ? "qcow2" : undefined,
    readOnly: typeof inserted.ro === "boolean" ? inserted.ro : undefined,
    cache: readCache(object(inserted.cache)),
    medium: one.removable === true ? "removable" : "no",
    tray: readTray(one),
    throttles: Object.fromEntries(
      THROTTLES.map((name) => [name, inserted[name]])
        .filter(([, value]) => typeof value === "number"),
    ),
    throttleGroup: text(inserted.group) || undefined,
  };
}

/** The backend of each guest disk. */
export const BLOCK: Query<BlockBackend[]> = {
  execute: "query-block",
  read: (value) => list(value).map(readBackend),
};

/** One set of `query-fdsets`. */
export type Fdset = Readonly<ReturnType<typeof readFdset>>;

function readFdset(one: Json) {
  const fds = list(one.fds);
  return {
    /** The N of `/dev/fdset/N`, chosen by the client that added it. */
    id: whole(one["fdset-id"]),
    /** Texts of its fds, as given to add-fd; none after remove-fd. */
    opaques: fds.map((fd) => text(fd.opaque)),
    /**
     * The number of fds that QEMU still holds for reopening, 0 after remove-fd.
     */
    fds: fds.length,
  };
}

/** The commands that are needed to pass an opened file. */
export const FDSET_COMMANDS = ["add-fd", "remove-fd", "query-fdsets"] as const;

/** The fd sets of QEMU. */
export const FDSETS: Query<Fdset[]> = {
  execute: "query-fdsets",
  ifMissing: "nothing",
  read: (value) => list(value).map(readFdset),
};

/** Ids of all devices that have one, hot-plugged or not. */
export const DEVICE_IDS: Query<Set<string>> = {
  execute: "qom-list",
  args: { path: "/machine/peripheral" },
  read: (value) =>
    new Set(
      list(value).filter((child) => text(child.type).startsWith("child<"))
        .map((child) => text(child.name)),
    ),
};

/** Ids of the objects of type throttle-group. */
export const THROTTLE_OBJECTS: Query<Set<string>> = {
  execute: "qom-list",
  args: { path: "/objects" },
  ifRefused: "nothing",
  read: (value) =>
    new Set(
      list(value).filter(({ type }) => type === "child<throttle-group>")
        .map(({ name }) => text(name)),
    ),
};

/** Machine type, e.g. `pc-i440fx-7.2`. */
export const MACHINE: Query<string> = {
  execute: "qom-get",
  args: { path: "/machine", property: "type" },
  read: (value) => text(value).replace(/-machine$/, ""),
};

function readNetdevs(value: unknown): Map<string, Netdev> {
  const netdevs = new Map<string, Netdev>();
  let above: string | undefined;
  for (const line of text(value).split(/\r?\n/)) {
    const match = /^( \\ )?([^\s:]+): index=\d+,type=(\w+)/.exec(line);
    const [, used, id, type] = match ?? [];
    if (type === "nic") above = id;
    if (id === undefined || type === "nic") continue;
    const known = netdevs.get(id);
    const fd = /[,=]fd=(\d+)/.exec(line)?.[1];
    netdevs.set(id, {
      fd: known ? known.fd : fd === undefined ? undefined : Number(fd),
      queues: (known?.queues ?? 0) + 1,
      nic: used === undefined ? known?.nic : above,
      ifname: known?.ifname ?? /[,=]ifname=([^,\s]+)/.exec(line)?.[1],
    });
  }
  return netdevs;
}

/**
 * The network backends by id. No QMP command lists them; in HMP's
 * `info network` a backend's id begins a line (` \\ ` comes before it when a
 * NIC uses it), ends at the first colon, and has a line for each queue.
 */
export const NETDEVS: Query<Map<string, Netdev>> = {
  execute: "human-monitor-command",
  args: { "command-line": "info network" },
  ifMissing: "nothing",
  read: readNetdevs,
};
