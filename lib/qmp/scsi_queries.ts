/**
 * What QEMU tells of SCSI controllers and their buses: QOM, as no other
 * command lists a device that was given no id.
 *
 * @module
 */

import { isJson, type Json } from "./message.ts";
import type { Query } from "./query.ts";

/** A child or link of a QOM object. */
export interface QomMember {
  /** Property name, the last part of its path. */
  readonly name: string;
  /** e.g. `child<SCSI>`. */
  readonly type: string;
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isJson) : [];
}

/** The properties of an object. QEMU answers with an error if it is none. */
export function membersOf(path: string): Query<QomMember[]> {
  return {
    execute: "qom-list",
    args: { path },
    read: (value) =>
      list(value).map(({ name, type }) => ({
        name: String(name),
        type: String(type),
      })),
  };
}

/** The path a link leads to. */
export function linkOf(path: string, property: string): Query<string> {
  return {
    execute: "qom-get",
    args: { path, property },
    read: String,
  };
}

/** The SCSI target of a device. */
export function targetOf(path: string): Query<number> {
  return {
    execute: "qom-get",
    args: { path, property: "scsi-id" },
    read: Number,
  };
}

/**
 * The properties of a device model; an error if QEMU has none of this name.
 * qom-list-types, which would just tell, ends QEMU 10.0 of Debian.
 */
export function modelOf(typename: string): Query<number> {
  return {
    execute: "device-list-properties",
    args: { typename },
    read: (value) => list(value).length,
  };
}
