/**
 * The QMP commands that a plan may hold, one table: what each takes, what
 * takes it back, and how QEMU is asked whether it took effect. A command that
 * is not here is in no plan, and is not done when a journal has it.
 *
 * @module
 */

import { FORMATS } from "../host/qcow2.ts";
import type { QmpSession } from "../qmp/client.ts";
import {
  DEVICE_IDS,
  FDSETS,
  IOTHREADS,
  NETDEVS,
  NODE_NAMES,
} from "../qmp/commands.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { ask } from "../qmp/query.ts";
import {
  absolute,
  type Check,
  dictionary,
  json,
  LINE,
  object,
  orNull,
  qemuId as id,
  text,
  where,
  whole,
  word,
} from "../state/value_check.ts";
import { CONTROLLER_ID } from "./scsi_controller.ts";

/** One command of plans. */
export interface PlanCommand {
  /** What its arguments must be. */
  readonly takes: (args: Json) => boolean;
  /** The command that takes it back, and no other does; null: none does. */
  readonly undo: string | null;
  /** Asks whether it has taken effect; null: nothing in QMP tells. */
  readonly effect: ((args: Json, qmp: QmpSession) => Promise<boolean>) | null;
  /** How the guest takes part. @default not at all */
  readonly turn?: "plug";
  /** What it took away cannot be put back. */
  readonly isFinal?: true;
  /** Whether it uses nothing that other steps made. @default it may */
  readonly isAlone?: (args: Json) => boolean;
}

const KEY = /^[a-z][a-z0-9_.-]{0,63}$/;
const DRIVER = text(/^[a-z][a-z0-9_-]{0,31}$/);

const scalar = (value: unknown): value is boolean | number | string =>
  typeof value === "boolean" || Number.isFinite(value) || text(LINE)(value);
const scalars = dictionary(KEY, scalar);

/** An option ROM is a file: it may only be left out. */
function isDevice(args: Json): boolean {
  const { romfile = "" } = args;
  return scalars(args) && id(args.id) && DRIVER(args.driver) && romfile === "";
}

/** A tap for which QEMU runs no script. */
function isTap(args: Json): boolean {
  const { script, downscript } = args;
  const isOpen = text(LINE)(args.fds) || text(LINE)(args.fd);
  const runsNone = isOpen
    ? script === undefined && downscript === undefined
    : script === "no" && downscript === "no";
  return scalars(args) && id(args.id) && args.type === "tap" && runsNone;
}

const flag = word(true, false);
const common = {
  "cache": object({ "direct": flag, "no-flush": flag }),
  "read-only": flag,
  "auto-read-only": flag,
  "discard": text(/^[a-z]+$/),
};

const fileNode = object(
  { driver: word("file", "host_device"), filename: absolute },
  { ...common, aio: text(/^[a-z_]+$/) },
);

/** Where the data are: a file of the node's, or what a URI was made into. */
const protocol = where(
  json,
  (value) =>
    value.filename === undefined ? DRIVER(value.driver) : fileNode(value),
);

const backing: Check = (value): value is unknown =>
  object(
    { driver: word(...FORMATS), file: protocol },
    { ...common, backing: orNull(backing) },
  )(value);

/** A format of ours over its data. */
const isNode = object(
  { "driver": word(...FORMATS), "node-name": id, "file": protocol },
  { ...common, backing: orNull(backing) },
);

function isEmptySet(sets: { id: number; fds: number }[], set: unknown) {
  return !sets.some((one) => one.id === set && one.fds > 0);
}

async function hasNode(args: Json, qmp: QmpSession): Promise<boolean> {
  return (await ask(qmp, NODE_NAMES)).has(String(args["node-name"]));
}

async function hasNetdev(args: Json, qmp: QmpSession): Promise<boolean> {
  return (await ask(qmp, NETDEVS)).has(String(args.id));
}

/** By name; others are in no plan. */
const PLAN_COMMANDS = new Map<string, PlanCommand>(Object.entries({
  "add-fd": {
    takes: object({ "fdset-id": whole(0, 2 ** 31), "opaque": text(LINE) }),
    undo: "remove-fd",
    effect: async (args, qmp) =>
      !isEmptySet(await ask(qmp, FDSETS), args["fdset-id"]),
  },
  "remove-fd": {
    takes: object({ "fdset-id": whole(0, 2 ** 31) }),
    undo: null,
    effect: async (args, qmp) =>
      isEmptySet(await ask(qmp, FDSETS), args["fdset-id"]),
  },
  "blockdev-add": { takes: isNode, undo: "blockdev-del", effect: hasNode },
  "blockdev-del": {
    takes: object({ "node-name": id }),
    undo: null,
    effect: async (args, qmp) => !await hasNode(args, qmp),
    isFinal: true,
  },
  // Nothing in QMP lists the names that getfd gave.
  "getfd": { takes: object({ fdname: id }), undo: "closefd", effect: null },
  "closefd": { takes: object({ fdname: id }), undo: null, effect: null },
  "netdev_add": { takes: isTap, undo: "netdev_del", effect: hasNetdev },
  "netdev_del": {
    takes: object({ id }),
    undo: null,
    effect: async (args, qmp) => !await hasNetdev(args, qmp),
  },
  "device_add": {
    takes: isDevice,
    undo: "device_del",
    effect: async (args, qmp) =>
      (await ask(qmp, DEVICE_IDS)).has(String(args.id)),
    turn: "plug",
    // A controller that comes with its disk uses nothing of what the disk does.
    isAlone: (args) => args.id === CONTROLLER_ID,
  },
  "object-add": {
    takes: object({ "qom-type": word("iothread"), id }),
    undo: "object-del",
    effect: async (args, qmp) =>
      (await ask(qmp, IOTHREADS)).has(String(args.id)),
    isAlone: () => true,
  },
  "object-del": {
    takes: object({ id }),
    undo: null,
    effect: async (args, qmp) =>
      !(await ask(qmp, IOTHREADS)).has(String(args.id)),
  },
  "device_del": { takes: object({ id }), undo: null, effect: null },
  "set_link": {
    takes: object({ name: id, up: word(true, false) }),
    undo: "set_link",
    effect: null,
  },
}));

/** The arguments by which a command names what it is about. */
const NAMES = ["fdset-id", "node-name", "fdname", "id", "name"];

/** The command of that name, undefined if no plan has it. */
export function planCommand(execute: unknown): PlanCommand | undefined {
  return typeof execute === "string" ? PLAN_COMMANDS.get(execute) : undefined;
}

/** Whether a value is a command that a plan may hold. */
export function isPlanCommand(
  value: unknown,
): value is { readonly execute: string; readonly arguments: Json } {
  if (!isJson(value) || typeof value.execute !== "string") return false;
  const known = planCommand(value.execute);
  return known !== undefined && isJson(value.arguments) &&
    known.takes(value.arguments);
}

/** Whether a value is the command that takes `step` back, or null. */
export function isUndoOf(
  undo: unknown,
  step: { readonly execute: string; readonly arguments: Json },
): boolean {
  if (undo === null) return true;
  return isPlanCommand(undo) &&
    undo.execute === planCommand(step.execute)?.undo &&
    NAMES.every((name) => undo.arguments[name] === step.arguments[name]);
}
