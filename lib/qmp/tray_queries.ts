/**
 * What QEMU tells of drives whose medium can be changed.
 *
 * @module
 */

import { isJson, type Json } from "./message.ts";
import type { Query } from "./query.ts";

/** A drive with a tray: `BlockInfo` of qapi/block-core.json. */
export interface Tray {
  /** Empty without a medium. */
  readonly nodeName: string;
  /** Whether the medium is out of the guest's reach. */
  readonly isOpen: boolean;
  /** Whether the guest wants it to stay. */
  readonly isLocked: boolean;
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

function readTray(drive: Json): Tray {
  const inserted = isJson(drive.inserted) ? drive.inserted : {};
  const { "node-name": name } = inserted;
  return {
    nodeName: typeof name === "string" ? name : "",
    isOpen: drive.tray_open === true,
    isLocked: drive.locked === true,
  };
}

/** All drives with a tray, by device id. */
export const TRAYS: Query<ReadonlyMap<string, Tray>> = {
  execute: "query-block",
  read: (value) =>
    new Map(
      list(value).filter(({ removable }) => removable === true)
        .map((drive) => [String(drive.qdev), readTray(drive)]),
    ),
};
