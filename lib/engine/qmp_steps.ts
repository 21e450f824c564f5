/**
 * Steps that QEMU carries out.
 *
 * @module
 */

import { isEnding } from "../device/ending.ts";
import { HotplugError, messageOf } from "../errors.ts";
import { isUnreachable } from "../monitor/failure.ts";
import { NODE_NAMES } from "../qmp/commands.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { Json } from "../qmp/message.ts";
import { PCI } from "../qmp/pci_query.ts";
import { ask, askAll } from "../qmp/query.ts";
import { kindWord, noteKey } from "../state/own_check.ts";
import {
  json,
  LINE,
  list,
  object,
  type Of,
  orNull,
  qemuId,
  text,
  whole,
  word,
} from "../state/value_check.ts";
import type { Fd } from "../sys/fd.ts";
import { pause } from "../sys/pause.ts";
import { isThere, pendingUnplug, PLUGGED_BACK, unplug } from "./unplug.ts";
import {
  formatCommand,
  type QmpCommand,
  type Step,
  stepCheck,
} from "./verbs.ts";
import { defineLook, defineStep, type World } from "./world.ts";

const ledgerEntry = object({
  // Identifies the device in our own record.
  uuid: noteKey,
  kind: kindWord,
  // `pending`: it will be removed; `replug`: it should have been plugged again,
  // and stays.
  note: word("pending", "replug"),
});

/** The place of the note that a guest was asked and has not answered. */
export type LedgerEntry = Of<typeof ledgerEntry>;

const checkUnplug = stepCheck("unplug", {
  // The id that DEVICE_DELETED reports.
  id: qemuId,
  // The user's name of the device, for messages: `disk 1`.
  title: text(LINE),
  // Unless it is `running`, no guest could answer: no wait.
  runState: text(LINE),
}, ({ commands }) => ({
  // The time when an earlier call asked the guest, ISO 8601: it is not asked
  // again at once.
  requestedAt: text(LINE),
  // The commands that plug it in again; without them, a released device stays
  // released.
  putBack: list(commands.isCommand),
  // The note if the guest takes longer.
  ledger: ledgerEntry,
  // The signs of its end. @default as for a PCI device
  ending: isEnding,
}));

/** Asks the guest to release a device and waits until it has. */
export type UnplugStep = Of<typeof checkUnplug>;

/** Whether a step asks the guest to release a device. */
export function isUnplug(step: Step): step is UnplugStep {
  return step.kind === "unplug";
}

const command = object({ execute: text(LINE), arguments: json });

const checkQmp = stepCheck(
  "qmp",
  {
    execute: text(LINE),
    arguments: json,
    // Null if there is nothing to undo.
    undo: orNull(command),
  },
  {
    // `source`, `tap:0`, …; an earlier step must have opened it.
    fd: text(/^[a-z:0-9-]{1,32}$/),
  },
  (step, { commands }) =>
    commands.isCommand(step) && commands.isUndoOf(step.undo, step),
);

/**
 * A command that changes QEMU. `fd` names an fd of the {@linkcode World}; it
 * goes with the command, and our copy is always closed afterwards.
 */
export type QmpStep = Of<typeof checkQmp>;

/** Whether a step sets a value that is already set, as far as is known. */
export function isRepeat(step: Step): boolean {
  if (!("undo" in step) || step.undo === null) return false;
  const { execute, arguments: args } = step as QmpStep;
  return JSON.stringify(step.undo) ===
    JSON.stringify({ execute, arguments: args });
}

/** Whether a command has taken effect. */
async function hasWorked(
  command: QmpCommand,
  world: World,
): Promise<boolean | "unknown"> {
  const { effect } = world.steps.checks.commands.find(command) ?? {};
  return await effect?.(command.arguments, world.qmp) ?? "unknown";
}

/** Sends a command to QEMU, in a step or to undo one. */
async function send(
  { execute, arguments: args }: QmpCommand,
  world: World,
  fd?: Fd,
): Promise<void> {
  if (execute === "blockdev-del") return await blockdevDel(args, world);
  await world.qmp.execute(execute, args, { fd });
}

/** Sends a command that undoes another; a missing object is a success. */
async function takeBack(undo: QmpCommand, step: QmpStep, world: World) {
  if (undo.execute === "device_del") {
    const id = String(undo.arguments.id);
    const { ending } = world.steps.checks.commands.find(step) ?? {};
    const target = { id, title: id, ending: ending?.(step.arguments) };
    // No signal ends this wait early: the operation is undone.
    return await unplug({ ...target, runState: "running" }, world);
  }
  try {
    await send(undo, world);
  } catch (error) {
    const gone = error instanceof QmpCommandError &&
      await hasWorked(step, world) !== true;
    if (!gone) throw error;
  }
}

/** The step that sends a command that the plans of its kinds may contain. */
export const QMP_STEP = defineStep({
  check: checkQmp,
  traits(step, { commands }) {
    const { turn, isFinal, isAlone } = commands.find(step) ?? {};
    return {
      failing: "to-undo",
      inQemu: isAlone?.(step.arguments) ? "held-alone" : "held",
      without: "void",
      turn: turn ?? null,
      ...(isFinal && { exchange: "final" }),
    };
  },
  async do(step, world) {
    const fd = step.fd === undefined ? undefined : world.fd(step.fd);
    try {
      await send(step, world, fd);
    } catch (error) {
      // A refused command has not taken its fd: QEMU keeps it for the next one
      // until the session ends.
      const refused = error instanceof QmpCommandError;
      if (refused && fd !== undefined) world.qmp.close();
      throw error;
    } finally {
      // QEMU has its own copy now, or will never have one.
      if (step.fd !== undefined) world.closeFd(step.fd);
    }
  },
  async undo(step, world) {
    if (step.undo === null) return;
    await world.reconnect();
    if (await hasWorked(step, world) === false) return;
    await takeBack(step.undo, step, world);
  },
  confirm: hasWorked,
  describe: (step) => ({
    step: `QEMU: ${step.execute}${step.fd ? ` (with fd ${step.fd})` : ""}`,
    qmp: { execute: step.execute, arguments: step.arguments },
    undo: step.undo && formatCommand(step.undo),
  }),
});

/** QEMU stopped answering, and the request may be on its way. */
async function settleUnplug(
  step: UnplugStep,
  world: World,
  error: Error,
): Promise<void> {
  try {
    await world.reconnect();
    if (!await isThere(step, world)) return;
  } catch (cause) {
    throw new HotplugError(
      "interrupted",
      `${error.message}, and it is not known whether the guest released ${step.title}: ${
        messageOf(cause)
      }`,
      { cause, changed: true },
    );
  }
  throw pendingUnplug(step, error.message);
}

/**
 * The time in which an asked guest may still release a device, in milliseconds.
 */
const AFTERTHOUGHT_MS = 3_000;
const PAUSE_MS = 50;

/** A guest that was asked may release the device at any later moment. */
async function plugBack(
  step: UnplugStep,
  commands: readonly QmpCommand[],
  world: World,
): Promise<void> {
  const { unplugTimeoutMs } = world.options;
  const deadline = performance.now() +
    Math.min(unplugTimeoutMs, AFTERTHOUGHT_MS);
  while (await isThere(step, world)) {
    if (performance.now() >= deadline) return;
    await pause(PAUSE_MS);
  }
  for (const command of commands) await send(command, world);
  world.values.set(PLUGGED_BACK, step.id);
}

/** The step that removes a device from the guest. */
export const UNPLUG_STEP = defineStep({
  check: checkUnplug,
  traits: ({ putBack }) => ({
    failing: "to-undo",
    inQemu: "held",
    without: "void",
    turn: putBack === undefined ? "release" : null,
  }),
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
      return await plugBack(step, step.putBack, world);
    }
    if (await isThere(step, world)) return;
    throw new HotplugError(
      "rollback-incomplete",
      `the guest has released ${step.title}`,
    );
  },
  confirm: async (step, world) => !await isThere(step, world),
  describe: (step) => ({
    step: `the guest releases ${step.title}`,
    qmp: { execute: "device_del", arguments: { id: step.id } },
    undo: step.putBack?.map(formatCommand).join("; ") ?? null,
  }),
});

const checkVerifyDevice = stepCheck("verify-device", {
  id: qemuId,
  slot: whole(0, 31),
});

/** Asks `query-pci` whether a device is at the place of the plan. */
export type VerifyDeviceStep = Of<typeof checkVerifyDevice>;

/** Property `addr` counts functions; a slot has this number of functions. */
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

/** The step that checks a new device. */
export const VERIFY_DEVICE_STEP = defineLook({
  check: checkVerifyDevice,
  async fault(step, world) {
    if (await sitsAt(step, world)) return undefined;
    return new HotplugError(
      "qmp-error",
      `QEMU accepted device ${step.id}, but query-pci does not show it in slot ${step.slot}`,
    );
  },
  describe: ({ id, slot }) => ({
    step: `verify that ${id} is in slot ${slot}`,
    qmp: { execute: "query-pci", arguments: {} },
  }),
});

/** Longest wait until QEMU has finished with a device, in milliseconds. */
const RELEASE_TIMEOUT_MS = 1_000;

/** Time between two tries, in milliseconds. */
const RETRY_MS = 20;

/**
 * Deletes a block node. A device leaves QEMU's tree first and gives its node up
 * later, with DEVICE_DELETED (hw/core/qdev.c, device_finalize). If that event
 * came before our session, the command is tried again.
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
