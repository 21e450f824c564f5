/**
 * Steps on what QEMU keeps behind a disk: those that take it down, and all.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { BLOCK, type BlockBackend, NODE_NAMES } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { LINE, qemuId, shape, text } from "../state/value_check.ts";
import { LOOK_AT_QEMU, type QmpCommand } from "../engine/verbs.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";

/**
 * Makes sure that a drive (`-drive`, HMP `drive_add`) is gone. QEMU takes it
 * down with its device; one without a device is deleted.
 */
export interface DropDriveStep {
  /** {@linkcode DROP_DRIVE_STEP}. */
  readonly kind: "drop-drive";
  /** Its `id=`, the `device` of `query-block`. */
  readonly drive: string;
}

/** Deletes a block node that lay under another, unless it went with that. */
export interface DropNodeStep {
  /** {@linkcode DROP_NODE_STEP}. */
  readonly kind: "drop-node";
  /** Its node-name. */
  readonly name: string;
}

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

/** The step that makes sure that a drive is gone. */
export const DROP_DRIVE_STEP: StepKind = defineStep<DropDriveStep>({
  kind: "drop-drive",
  check: () => shape({ drive: text(LINE) }),
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    const found = await findDrive(step, world);
    if (found === undefined) return;
    if (found.qdev !== "") throw stays(step, `${found.qdev} uses it`);
    // The name becomes a word of a command line.
    if (!qemuId(step.drive)) {
      throw stays(step, "its name is none that could be sent");
    }
    const { execute, arguments: args } = driveDel(step);
    const answer = await world.qmp.execute(execute, args);
    // HMP reports failure in words only: the drives tell.
    if (await findDrive(step, world) === undefined) return;
    throw stays(step, String(answer).trim());
  },
  async undo() {},
  async confirm(step, world) {
    const found = await findDrive(step, world);
    return found === undefined ? "done" : "not-done";
  },
  describe: (step) => ({
    step: `make sure that drive ${step.drive} went with its device`,
    qmp: driveDel(step),
    host: null,
    undo: null,
  }),
});

async function hasNode({ name }: DropNodeStep, { qmp }: World) {
  return (await ask(qmp, NODE_NAMES)).has(name);
}

function nodeDel({ name }: DropNodeStep): QmpCommand {
  return { execute: "blockdev-del", arguments: { "node-name": name } };
}

/** The step that deletes a node under another. */
export const DROP_NODE_STEP: StepKind = defineStep<DropNodeStep>({
  kind: "drop-node",
  check: () => shape({ name: text(LINE) }),
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    if (!await hasNode(step, world)) return;
    const { execute, arguments: args } = nodeDel(step);
    try {
      await world.qmp.execute(execute, args);
    } catch (error) {
      const refused = error instanceof QmpCommandError;
      if (!refused || await hasNode(step, world)) throw error;
    }
  },
  async undo() {},
  async confirm(step, world) {
    return await hasNode(step, world) ? "not-done" : "done";
  },
  describe: (step) => ({
    step: `delete node ${step.name}, unless it went with the one above`,
    qmp: nodeDel(step),
    host: null,
    undo: null,
  }),
});
