/**
 * The tool's own record, checked value by value as if it came from the command
 * line: INTERFACE, "Safety".
 *
 * @module
 */

import { type AccessRecord, type Via, VIAS } from "../host/access_record.ts";
import {
  INTERFACE_NAME,
  LINK_STATES,
  type LinkState,
} from "../host/network_words.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import { isInstanceName } from "./instance.ts";
import { accepted, type Check, QEMU_ID } from "./value_check.ts";

/** Plain JSON data with keys. */
export type Data = { readonly [key: string]: unknown };

/** I/O limits of a disk by the words of our options, e.g. `iops-read`. */
export type Limits = Readonly<Record<string, number>>;

/** A removal that the guest has not completed. */
export interface PendingRemoval {
  /** Device id in QEMU. */
  readonly id: string;
  /** When device_del was sent last: ISO 8601, UTC. */
  readonly requestedAt: string;
  /** What the user called it, for messages. */
  readonly title: string;
}

/** Kinds of devices that the record has by their uuids. */
export const OWN_KINDS = ["disk", "nic"] as const;

/** What the runtime file cannot hold of one device. */
export interface OwnDevice {
  /** Which list of the runtime file it belongs in. */
  readonly kind: typeof OWN_KINDS[number];
  /** How QEMU reaches the disk; undefined: by fdset or path. */
  readonly via?: Via;
  /** What must be given back when the disk is gone. */
  readonly access?: AccessRecord;
  /** None if undefined. */
  readonly limits?: Limits;
  /** The carrier the guest sees; undefined: up. */
  readonly linkState?: LinkState;
  /** The network script that joined the NIC; undefined: the usual one. */
  readonly script?: string;
  /** Of a NIC whose accelerator is not as the hvparams say. */
  readonly vhost?: "on" | "off";
  /**
   * When the guest was asked to release a NIC that was to be plugged anew, and
   * did not: it may do so later, ISO 8601.
   */
  readonly replug?: string;
  /** Undefined if no removal is under way. */
  readonly pending?: PendingRemoval;
}

/** All that is recorded of one instance. */
export interface OwnRecord {
  /** Whom it was written for; null if that could not be told. */
  readonly qemu: ProcessIdentity | null;
  /** By uuid, in lower case. */
  readonly devices: Readonly<Record<string, OwnDevice>>;
  /** Keys of a later release, which stay. */
  readonly more: Data;
}

/** What is known of an instance nothing was recorded of. */
export const EMPTY_RECORD: OwnRecord = { qemu: null, devices: {}, more: {} };

/** Says what is wrong with a record, and where. */
export class RecordFault extends Error {}

function isData(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrong(what: string, accepted: string, value: unknown): RecordFault {
  const text = JSON.stringify(value) ?? "nothing";
  return new RecordFault(
    `${what} must be ${accepted}: it is ${text.slice(0, 80)}`,
  );
}

/** An object. @throws {RecordFault} */
export function expectData(value: unknown, what: string): Data {
  if (isData(value)) return value;
  throw wrong(what, "an object", value);
}

function expectWord<W extends string | number>(
  value: unknown,
  words: readonly W[],
  what: string,
): W {
  const found = words.find((one) => one === value);
  if (found !== undefined) return found;
  throw wrong(what, `one of ${words.join(", ")}`, value);
}

/** A number from 0 to `max`. */
function expectWhole(value: unknown, max: number, what: string): number {
  const fits = typeof value === "number" && Number.isSafeInteger(value) &&
    value >= 0 && value <= max;
  if (fits) return value;
  throw wrong(what, `a whole number up to ${max}`, value);
}

function expectText(value: unknown, form: RegExp, what: string): string {
  if (typeof value === "string" && form.test(value)) return value;
  throw wrong(what, `of the form ${form.source}`, value);
}

/** Absolute, and no part of it leads elsewhere. */
function expectPath(value: unknown, what: string): string {
  const parts = typeof value === "string" ? value.split("/").slice(1) : [""];
  const plain = parts.every((one) => !["", ".", ".."].includes(one));
  const clean = typeof value === "string" && PATH.test(value);
  if (clean && (plain || value === "/")) return value;
  throw wrong(what, "an absolute path", value);
}

const MAX_ID = 2 ** 32 - 2;
/** No control character; as long as the kernel takes. */
const PATH = /^\/[ -\uffff]{0,4094}$/;
const TITLE = /^[ -\uffff]{1,256}$/;
const INODE = /^\d+:\d+ \d+ \d+:\d+$/;
const RDEV = /^\d{1,4}:\d{1,7}$/;
const BOOT = /^[0-9a-f-]{36}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/;
const LIMIT = /^[a-z][a-z-]{0,31}$/;

/** Checks what was changed on the node for a disk. @throws {RecordFault} */
export function checkAccess(value: unknown, what: string): AccessRecord {
  const data = expectData(value, what);
  const ways = ["chown", "mknod", "tap"] as const;
  const way = expectWord(data.way, ways, `${what}.way`);
  if (way === "tap") {
    return {
      way,
      name: expectText(data.name, INTERFACE_NAME, `${what}.name`),
      uid: expectWhole(data.uid, MAX_ID, `${what}.uid`),
    };
  }
  if (way === "chown") {
    return {
      way,
      path: expectPath(data.path, `${what}.path`),
      inode: expectText(data.inode, INODE, `${what}.inode`),
      from: expectWhole(data.from, MAX_ID, `${what}.from`),
      to: expectWhole(data.to, MAX_ID, `${what}.to`),
    };
  }
  const { rootMode } = data;
  return {
    way,
    root: expectPath(data.root, `${what}.root`),
    rootInode: expectText(data.rootInode, INODE, `${what}.rootInode`),
    name: expectText(data.name, QEMU_ID, `${what}.name`),
    rdev: expectText(data.rdev, RDEV, `${what}.rdev`),
    uid: expectWhole(data.uid, MAX_ID, `${what}.uid`),
    kind: expectWord(data.kind, ["node", "bind"] as const, `${what}.kind`),
    rootMode: rootMode === null
      ? null
      : expectWhole(rootMode, 0o7777, `${what}.rootMode`),
  };
}

/** What was changed on this node for a device, in this way. */
export function accessBy<W extends AccessRecord["way"]>(
  way: W,
): Check<Extract<AccessRecord, { way: W }>> {
  const fits = accepted((one) => checkAccess(one, "access"));
  return (value): value is Extract<AccessRecord, { way: W }> =>
    isData(value) && value.way === way && fits(value);
}

function checkLimits(value: unknown, what: string): Limits {
  const entries = Object.entries(expectData(value, what));
  return Object.fromEntries(entries.map(([name, limit]) => [
    expectText(name, LIMIT, `a name in ${what}`),
    expectWhole(limit, Number.MAX_SAFE_INTEGER, `${what}.${name}`),
  ]));
}

function checkPending(value: unknown, what: string): PendingRemoval {
  const data = expectData(value, what);
  return {
    id: expectText(data.id, QEMU_ID, `${what}.id`),
    requestedAt: expectText(data.requestedAt, TIME, `${what}.requestedAt`),
    title: expectText(data.title, TITLE, `${what}.title`),
  };
}

/** What is noted of a NIC alone. */
function checkNic({ linkState, script, vhost, replug }: Data, what: string) {
  return {
    ...(replug === undefined
      ? {}
      : { replug: expectText(replug, TIME, `${what}.replug`) }),
    ...(linkState === undefined ? {} : {
      linkState: expectWord(linkState, LINK_STATES, `${what}.linkState`),
    }),
    ...(script === undefined
      ? {}
      : { script: expectPath(script, `${what}.script`) }),
    ...(vhost === undefined
      ? {}
      : { vhost: expectWord(vhost, ["on", "off"] as const, `${what}.vhost`) }),
  };
}

/**
 * Checks one device's part of the record. Keys of a later release stay.
 *
 * @throws {RecordFault}
 */
export function checkDevice(value: unknown, what: string): OwnDevice {
  const data = expectData(value, what);
  const { via, access, limits, pending } = data;
  return {
    ...data,
    kind: expectWord(data.kind, OWN_KINDS, `${what}.kind`),
    ...(via === undefined ? {} : { via: expectWord(via, VIAS, `${what}.via`) }),
    ...(access === undefined
      ? {}
      : { access: checkAccess(access, `${what}.access`) }),
    ...(limits === undefined
      ? {}
      : { limits: checkLimits(limits, `${what}.limits`) }),
    ...checkNic(data, what),
    ...(pending === undefined
      ? {}
      : { pending: checkPending(pending, `${what}.pending`) }),
  };
}

/** Checks who a record was written for. @throws {RecordFault} */
export function checkProcess(value: unknown, what: string): ProcessIdentity {
  const data = expectData(value, what);
  const name = data.name;
  if (typeof name !== "string" || !isInstanceName(name)) {
    throw wrong(`${what}.name`, "an instance's name", name);
  }
  return {
    boot: expectText(data.boot, BOOT, `${what}.boot`),
    pid: expectWhole(data.pid, 2 ** 22, `${what}.pid`),
    start: expectWhole(data.start, Number.MAX_SAFE_INTEGER, `${what}.start`),
    name,
  };
}
