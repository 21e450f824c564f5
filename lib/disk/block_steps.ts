/**
 * Steps on what QEMU keeps behind a disk: those that take it down, and all.
 *
 * @module
 */

import { LOOK_AT_QEMU, type QmpCommand, stepCheck } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { BLOCK, type BlockBackend, NODE_NAMES } from "../qmp/commands.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import { text as textOf } from "../qmp/reading.ts";
import { LINE, type Of, qemuId, text } from "../state/value_check.ts";

// By its `id=`, the `device` of `query-block`.
const checkDropDrive = stepCheck("drop-drive", { drive: text(LINE) });

/**
 * Makes sure that a drive (`-drive`, HMP `drive_add`) is gone. QEMU takes it
 * down with its device; one without a device is deleted.
 */
type DropDriveStep = Of<typeof checkDropDrive>;

async function findDrive(
  { drive }: DropDriveStep,
  { qmp }: World,
): Promise<BlockBackend | undefined> {
  return (await ask(qmp, BLOCK)).find((one) => one.device === drive);
}

/** Nothing in QMP deletes a drive: the second exception to "no HMP". */
function driveDel({ drive }: DropDriveStep): QmpCommand {
  return {
    execute: "human-monitor-command",
    arguments: { "command-line": `drive_del ${drive}` },
  };
}

function stays(step: DropDriveStep, why: string): HotplugError {
  return new HotplugError(
    "qmp-error",
    `QEMU still has drive ${step.drive}: ${why}`,
  );
}

const DROP_DRIVE_STEP = defineStep({
  check: checkDropDrive,
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    const found = await findDrive(step, world);
    if (found === undefined) return;
    if (found.qdev !== "") throw stays(step, `${found.qdev} uses it`);
    // The name becomes a word of a command line.
    if (!qemuId(step.drive)) {
      throw stays(step, "its name is none that could be sent");
    }
    const answer = await world.send(driveDel(step));
    // HMP reports failure in words only: the drives tell.
    if (await findDrive(step, world) === undefined) return;
    throw stays(step, textOf(answer).trim());
  },
  undo() {},
  confirm: async (step, world) => await findDrive(step, world) === undefined,
  describe: (step) => ({
    step: `make sure that drive ${step.drive} went with its device`,
    qmp: driveDel(step),
    undo: null,
  }),
});

// By its node-name.
const checkDropNode = stepCheck("drop-node", { name: text(LINE) });

/** Deletes a block node that lay under another, unless it went with that. */
/** As it stands in a plan. */
export type DropNodeStep = Of<typeof checkDropNode>;

async function hasNode({ name }: DropNodeStep, { qmp }: World) {
  return (await ask(qmp, NODE_NAMES)).has(name);
}

function nodeDel({ name }: DropNodeStep): QmpCommand {
  return { execute: "blockdev-del", arguments: { "node-name": name } };
}

const DROP_NODE_STEP = defineStep({
  check: checkDropNode,
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    if (!await hasNode(step, world)) return;
    try {
      await world.send(nodeDel(step));
    } catch (error) {
      const refused = error instanceof QmpCommandError;
      if (!refused || await hasNode(step, world)) throw error;
    }
  },
  undo() {},
  confirm: async (step, world) => !await hasNode(step, world),
  describe: (step) => ({
    step: `delete node ${step.name}, unless it went with the one above`,
    qmp: nodeDel(step),
    undo: null,
  }),
});

/** The kinds of these steps. */
export const BLOCK_STEPS = [DROP_DRIVE_STEP, DROP_NODE_STEP];
