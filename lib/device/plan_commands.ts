/**
 * The QMP commands that a plan may contain: the arguments of each, the command
 * that undoes it, and the question to QEMU whether it took effect. A command
 * that is neither in this table nor in the table of a kind of device is in no
 * plan, and is not run if a journal contains it.
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
import { type ExactNumber, isExactNumber } from "../qmp/exact_json.ts";
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
import type { Ending } from "./ending.ts";
import { CONTROLLER_ID } from "./scsi_controller.ts";

/** One command of plans. */
export interface PlanCommand {
  /** The check of its arguments. */
  readonly takes: (args: Json) => boolean;
  /** The only command that undoes it; null: there is none. */
  readonly undo: string | null;
  /** Asks whether it has taken effect; null: QMP does not tell. */
  readonly effect: ((args: Json, qmp: QmpSession) => Promise<boolean>) | null;
  /** How the guest takes part. @default not at all */
  readonly turn?: "plug";
  /** The thing that it removed cannot be put back. */
  readonly isFinal?: true;
  /** Whether it uses nothing that other steps made. @default it may */
  readonly isAlone?: (args: Json) => boolean;
  /** The signs of its end when it is undone. @default as for a PCI device */
  readonly ending?: (args: Json) => Ending;
}

/** Commands by name. */
export type CommandTable = Readonly<Record<string, PlanCommand>>;

/** A command, its name and arguments. */
interface Sent {
  readonly execute: string;
  readonly arguments: Json;
}

const KEY = /^[a-z][a-z0-9_.-]{0,63}$/;
const DRIVER = text(/^[a-z][a-z0-9_-]{0,31}$/);

const scalar = (
  value: unknown,
): value is boolean | number | ExactNumber | string =>
  typeof value === "boolean" || Number.isFinite(value) ||
  isExactNumber(value) || text(LINE)(value);
const scalars = dictionary(KEY, scalar);

/** An option ROM is a file: it may only be omitted. */
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

/** The place of the data: a file of the node, or the parts of a URI. */
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

/** A format node over its data. */
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

/** Commands that any plan may contain. */
const SHARED: CommandTable = {
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
  // QMP does not list the names that getfd gave.
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
    // A controller that is plugged with its disk uses nothing from the steps of
    // the disk.
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
};

/** The arguments by which a command names its object. */
const NAMES = [
  ...["fdset-id", "node-name", "fdname", "id", "name"],
  ...["path", "property"],
];

/**
 * The commands that plans about some kinds of devices may contain. A kind adds
 * the commands that only it has, and also other meanings of shared commands:
 * the first command that accepts the arguments counts, first among the kinds,
 * then among the shared ones.
 */
export class PlanCommands {
  readonly #tables: readonly CommandTable[];

  /** Adds the commands of the kinds to the shared ones. */
  constructor(kinds: readonly CommandTable[]) {
    this.#tables = [...kinds, SHARED];
  }

  /** The data of a command; undefined: it is in no plan. */
  find({ execute, arguments: args }: Sent): PlanCommand | undefined {
    return this.#tables.flatMap((table) =>
      Object.hasOwn(table, execute) ? table[execute] ?? [] : []
    ).find(({ takes }) => takes(args));
  }

  /** Whether a value is a command that a plan may contain. */
  readonly isCommand = (value: unknown): value is Sent =>
    isSent(value) && this.find(value) !== undefined;

  /** Whether a value is the command that undoes `step`, or null. */
  isUndoOf(undo: unknown, step: Sent): boolean {
    if (undo === null) return true;
    return this.isCommand(undo) && undo.execute === this.find(step)?.undo &&
      NAMES.every((name) => undo.arguments[name] === step.arguments[name]);
  }
}

function isSent(value: unknown): value is Sent {
  return isJson(value) && typeof value.execute === "string" &&
    isJson(value.arguments);
}
