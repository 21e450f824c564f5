/**
 * Questions about block nodes, trays and fd sets that only a few commands ask.
 *
 * @module
 */

import type { Json } from "./message.ts";
import type { Query } from "./query.ts";
import { list, numberOf, object, size, text } from "./reading.ts";

/** A block node: `BlockDeviceInfo` of qapi/block-core.json. */
export type NamedNode = Readonly<ReturnType<typeof readNode>>;

/** Block drivers that open a file or block device themselves. */
export const PROTOCOLS: readonly string[] = ["file", "host_device"];

function readNode(one: Json) {
  return {
    /** Begins with `#` if QEMU invented it. */
    name: text(one["node-name"]),
    /** Block driver: `raw`, `file`, `host_device`, … */
    driver: text(one.drv),
    /** The source from which it was opened, a path or `json:…`. */
    file: text(one.file),
    /** Virtual size. */
    sizeBytes: size(object(one.image)["virtual-size"]),
  };
}

/** All block nodes. */
export const NAMED_NODES: Query<NamedNode[]> = {
  execute: "query-named-block-nodes",
  args: { flat: true },
  read: (value) => list(value).map(readNode),
};

/** Numbers of the fds in QEMU, by fd set. */
export const FDSET_FDS: Query<Map<number, number[]>> = {
  execute: "query-fdsets",
  ifMissing: "nothing",
  read: (value) =>
    new Map(
      list(value).map((one) => [
        numberOf(one["fdset-id"]),
        list(one.fds).map(({ fd }) => numberOf(fd)),
      ]),
    ),
};

/** The fd set that a node's file name means; undefined: none. */
export function fdsetIn(file: string): number | undefined {
  const set = /^\/dev\/fdset\/(\d+)$/.exec(file)?.[1];
  return set === undefined ? undefined : Number(set);
}

/** A block job: `BlockJobInfo` of qapi/block-core.json. */
export interface BlockJob {
  /** `device` on the wire. */
  readonly id: string;
  /** `mirror`, `backup`, `commit`, `stream`, … */
  readonly type: string;
}

/** The block jobs that run, wait or are paused. */
export const BLOCK_JOBS: Query<BlockJob[]> = {
  execute: "query-block-jobs",
  ifMissing: "nothing",
  read: (value) =>
    list(value).map(({ device, type }) => ({
      id: text(device),
      type: text(type),
    })),
};

/** A block export: `BlockExportInfo` of qapi/block-export.json. */
export interface BlockExport {
  readonly id: string;
  /** `nbd`, `vhost-user-blk`, `fuse`, … */
  readonly type: string;
  /** Node-name of the exported node. */
  readonly node: string;
}

/** The block exports; QEMU has this question since 5.2. */
export const BLOCK_EXPORTS: Query<BlockExport[]> = {
  execute: "query-block-exports",
  ifMissing: "nothing",
  read: (value) =>
    list(value).map((one) => ({
      id: text(one.id),
      type: text(one.type),
      node: text(one["node-name"]),
    })),
};

/** A drive with a removable medium: `BlockInfo` of qapi/block-core.json. */
export type Tray = Readonly<ReturnType<typeof readTray>>;

function readTray(drive: Json) {
  return {
    /** Empty without a medium. */
    nodeName: text(object(drive.inserted)["node-name"]),
    /** A floppy drive has none: QEMU then tells nothing of it. */
    isThere: typeof drive.tray_open === "boolean",
    /** Whether the guest cannot reach the medium. */
    isOpen: drive.tray_open === true,
    /** Whether the guest has locked it. */
    isLocked: drive.locked === true,
  };
}

/**
 * All drives with a removable medium, by device id, or by QOM path for a device
 * without an id.
 */
export const TRAYS: Query<ReadonlyMap<string, Tray>> = {
  execute: "query-block",
  read: (value) =>
    new Map(
      list(value).filter(({ removable }) => removable === true)
        .map((drive) => [text(drive.qdev), readTray(drive)]),
    ),
};
