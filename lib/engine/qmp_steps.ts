/**
 * Steps that QEMU carries out.
 *
 * @module
 */

import { FORMATS } from "../device/disk_settings.ts";
import { HotplugError, messageOf } from "../errors.ts";
import { isUnreachable } from "../monitor/failure.ts";
import type { QmpSession } from "../qmp/client.ts";
import { DEVICE_IDS, FDSETS, NETDEVS, NODE_NAMES } from "../qmp/commands.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { PCI } from "../qmp/pci_query.ts";
import { ask, askAll } from "../qmp/query.ts";
import { pause } from "../sys/pause.ts";
import { pendingUnplug, PLUGGED_BACK, unplug } from "./unplug.ts";
import {
  absolute,
  anything,
  type Check,
  dictionary,
  LINE,
  object,
  orNull,
  text,
  word,
} from "./value_check.ts";
import {
  type Effect,
  formatCommand,
  type QmpCommand,
  type Verbs,
} from "./verbs.ts";
import type { World } from "./world.ts";

function isEmptySet(sets: { id: number; fds: number }[], id: unknown) {
  return !sets.some((set) => set.id === id && set.fds > 0);
}

/** How to ask QEMU whether a command has taken effect. */
const EFFECTS: Record<
  string,
  (args: Json, qmp: QmpSession) => Promise<boolean>
> = {
  "add-fd": async (args, qmp) =>
    !isEmptySet(await ask(qmp, FDSETS), args["fdset-id"]),
  "remove-fd": async (args, qmp) =>
    isEmptySet(await ask(qmp, FDSETS), args["fdset-id"]),
  "blockdev-add": async (args, qmp) =>
    (await ask(qmp, NODE_NAMES)).has(String(args["node-name"])),
  "blockdev-del": async (args, qmp) =>
    !(await ask(qmp, NODE_NAMES)).has(String(args["node-name"])),
  "netdev_add": async (args, qmp) =>
    (await ask(qmp, NETDEVS)).has(String(args.id)),
  "netdev_del": async (args, qmp) =>
    !(await ask(qmp, NETDEVS)).has(String(args.id)),
  "device_add": async (args, qmp) =>
    (await ask(qmp, DEVICE_IDS)).has(String(args.id)),
};

async function effectOf(command: QmpCommand, world: World): Promise<Effect> {
  const ask = EFFECTS[command.execute];
  // Nothing in QMP lists the names that getfd gave.
  if (ask === undefined) return "unknown";
  return await ask(command.arguments, world.qmp) ? "done" : "not-done";
}

/** Sends a command that undoes another; being there no more is success. */
async function takeBack(undo: QmpCommand, step: QmpStep, world: World) {
  if (undo.execute === "device_del") {
    const id = String(undo.arguments.id);
    // No signal cuts this wait short: what was begun is undone.
    return await unplug({ id, title: id, runState: "running" }, world);
  }
  try {
    await world.qmp.execute(undo.execute, undo.arguments);
  } catch (error) {
    const gone = error instanceof QmpCommandError &&
      await effectOf(step, world) !== "done";
    if (!gone) throw error;
  }
}

const qmp: Verbs<QmpStep> = {
  async do(step, world) {
    const fd = step.fd === undefined ? undefined : world.fd(step.fd);
    try {
      if (step.execute === "blockdev-del") {
        return await blockdevDel(step.arguments, world);
      }
      await world.qmp.execute(step.execute, step.arguments, { fd });
    } catch (error) {
      // A refused command has not taken its fd: QEMU keeps it for the next
      // one until the session ends.
      const refused = error instanceof QmpCommandError;
      if (refused && fd !== undefined) world.qmp.close();
      throw error;
    } finally {
      // QEMU has its own now, or will never have one.
      if (step.fd !== undefined) world.closeFd(step.fd);
    }
  },
  async undo(step, world) {
    if (step.undo === null) return;
    await world.reconnect();
    if (await effectOf(step, world) === "not-done") return;
    await takeBack(step.undo, step, world);
  },
  confirm: effectOf,
  describe: (step) => ({
    step: `QEMU: ${step.execute}${step.fd ? ` (with fd ${step.fd})` : ""}`,
    qmp: { execute: step.execute, arguments: step.arguments },
    host: null,
    undo: step.undo && formatCommand(step.undo),
  }),
};

async function presence(id: string, world: World): Promise<boolean> {
  return (await ask(world.qmp, DEVICE_IDS)).has(id);
}

/** QEMU stopped answering with the request perhaps on its way. */
async function settleUnplug(
  step: UnplugStep,
  world: World,
  error: Error,
): Promise<void> {
  try {
    await world.reconnect();
    if (!await presence(step.id, world)) return;
  } catch (cause) {
    throw new HotplugError(
      "interrupted",
      `${error.message}, and it can no longer be asked whether the guest released ${step.title}: ${
        messageOf(cause)
      }`,
      { cause, changed: true, hint: "run the same command again" },
    );
  }
  throw pendingUnplug(step, error.message);
}

/** How long a guest that was asked may take to release, in milliseconds. */
const AFTERTHOUGHT_MS = 3_000;
const PAUSE_MS = 50;

/** A guest that was asked may release the device at any moment from then on. */
async function plugBack(
  id: string,
  commands: readonly QmpCommand[],
  world: World,
): Promise<void> {
  const { unplugTimeoutMs } = world.options;
  const deadline = performance.now() +
    Math.min(unplugTimeoutMs, AFTERTHOUGHT_MS);
  while (await presence(id, world)) {
    if (performance.now() >= deadline) return;
    await pause(PAUSE_MS);
  }
  for (const { execute, arguments: args } of commands) {
    await world.qmp.execute(execute, args);
  }
  world.values.set(PLUGGED_BACK, id);
}

const unplugVerbs: Verbs<UnplugStep> = {
  async do(step, world) {
    try {
      await unplug({ ...step, signal: world.options.signal }, world);
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      await settleUnplug(step, world, error);
    }
  },
  async undo(step, world) {
    await world.reconnect();
    if (step.putBack !== undefined) {
      return await plugBack(step.id, step.putBack, world);
    }
    if (await presence(step.id, world)) return;
    throw new HotplugError(
      "rollback-incomplete",
      `the guest has released ${step.title}`,
    );
  },
  async confirm(step, world) {
    return await presence(step.id, world) ? "not-done" : "done";
  },
  describe: (step) => ({
    step: `the guest releases ${step.title}`,
    qmp: { execute: "device_del", arguments: { id: step.id } },
    host: null,
    undo: step.putBack?.map(formatCommand).join("; ") ?? null,
  }),
};

/** Property `addr` counts functions, of which a slot has so many. */
const FUNCTIONS = 8;

async function sitsAt(
  step: VerifyDeviceStep,
  world: World,
): Promise<boolean> {
  const devices = await ask(world.qmp, PCI);
  const shown = devices.find((one) => one.id === step.id);
  if (shown !== undefined) return shown.slot === step.slot;
  // Behind a bridge, query-pci shows nothing before firmware has numbered it.
  if (!devices.some(({ secondary }) => secondary === 0)) return false;
  const { devfn } = await askAll(world.qmp, {
    devfn: { ...propertyOf(step.id, "addr"), ifRefused: "nothing" },
  });
  return devfn === step.slot * FUNCTIONS;
}

const verifyDevice: Verbs<VerifyDeviceStep> = {
  async do(step, world) {
    if (await sitsAt(step, world)) return;
    throw new HotplugError(
      "qmp-error",
      `QEMU took device ${step.id}, but query-pci does not show it in slot ${step.slot}`,
    );
  },
  async undo() {},
  async confirm(step, world) {
    return await sitsAt(step, world) ? "done" : "not-done";
  },
  describe: (step) => ({
    step: `verify that ${step.id} sits in slot ${step.slot}`,
    qmp: { execute: "query-pci", arguments: {} },
    host: null,
    undo: null,
  }),
};

/** The verbs of the steps that QEMU carries out. */
export const qmpVerbs = {
  "qmp": qmp,
  "unplug": unplugVerbs,
  "verify-device": verifyDevice,
} as const;

/** Longest wait for QEMU to be done with a device, in milliseconds. */
const RELEASE_TIMEOUT_MS = 1_000;

/** How often it is asked meanwhile. */
const RETRY_MS = 20;

/**
 * Deletes a block node. A device leaves QEMU's tree first and gives its node
 * up later, with DEVICE_DELETED (hw/core/qdev.c, device_finalize): whoever did
 * not wait for that event, because it came before our session, asks again.
 *
 * @throws {QmpCommandError} it is in use, or not there
 */
export async function blockdevDel(args: Json, world: World): Promise<void> {
  const deadline = performance.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    try {
      await world.qmp.execute("blockdev-del", args);
      return;
    } catch (error) {
      const late = performance.now() >= deadline;
      if (late || !(error instanceof QmpCommandError)) throw error;
      const names = await ask(world.qmp, NODE_NAMES);
      if (!names.has(String(args["node-name"]))) throw error;
      await pause(RETRY_MS);
    }
  }
}

const KEY = /^[a-z][a-z0-9_.-]{0,63}$/;
const DRIVER = text(/^[a-z][a-z0-9_-]{0,31}$/);

const scalar: Check = (value) =>
  typeof value === "boolean" || Number.isFinite(value) || text(LINE)(value);
const scalars = dictionary(KEY, scalar);

/** Arguments of `device_add`: an option ROM is a file, and only left out. */
export function deviceArguments(args: Json, id: Check): boolean {
  const { romfile = "" } = args;
  return scalars(args) && id(args.id) && DRIVER(args.driver) && romfile === "";
}

/** Arguments of `netdev_add`: a tap for which QEMU runs no script. */
export function tapArguments(args: Json, id: Check): boolean {
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

/** Where the data are: a file of the node's, or what a URI was made into. */
const protocol: Check = (value) => {
  if (!isJson(value)) return false;
  if (value.filename === undefined) return DRIVER(value.driver);
  return object(
    { driver: word("file", "host_device"), filename: absolute },
    { ...common, aio: text(/^[a-z_]+$/) },
  )(value);
};

const backing: Check = (value) =>
  object(
    { driver: word(...FORMATS), file: protocol },
    { ...common, backing: orNull(backing) },
  )(value);

/** Arguments of `blockdev-add`: a format of ours over its data. */
export function nodeArguments(args: Json, id: Check): boolean {
  return id(args["node-name"]) &&
    object(
      { "driver": word(...FORMATS), "node-name": anything, "file": protocol },
      { ...common, backing: orNull(backing) },
    )(args);
}

/**
 * A command that changes QEMU. `fd` names an fd of the {@linkcode World}; it
 * goes with the command, and our copy is closed afterwards whatever happened.
 */
export interface QmpStep extends QmpCommand {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "qmp";
  /** e.g. `source`, `tap:0`; an earlier step must have opened it. */
  readonly fd?: string;
  /** Takes it back; null where there is nothing to take back. */
  readonly undo: QmpCommand | null;
}

/** Asks the guest to release a device and waits until it has. */
export interface UnplugStep {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "unplug";
  /** Device id, as DEVICE_DELETED reports it. */
  readonly id: string;
  /** What the user calls it, for messages: `disk 1`. */
  readonly title: string;
  /** Unless it is `running`, no guest could answer: no wait. */
  readonly runState: string;
  /** When an earlier call asked the guest, ISO 8601: not asked again at once. */
  readonly requestedAt?: string;
  /** What plugs it in again; without it, what is released stays so. */
  readonly putBack?: readonly QmpCommand[];
}

/** Asks `query-pci` whether a device sits where the plan put it. */
export interface VerifyDeviceStep {
  /** Carried out by ./step_qmp.ts. */
  readonly kind: "verify-device";
  /** Device id, `qdev_id` of `query-pci`. */
  readonly id: string;
  /** 0 to 31. */
  readonly slot: number;
}
