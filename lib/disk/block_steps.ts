/**
 * Steps on the block nodes of a disk: checks, and removal.
 *
 * @module
 */

import { LOOK_AT_QEMU, type QmpCommand, stepCheck } from "../engine/verbs.ts";
import { defineLook, defineStep, type World } from "../engine/world.ts";
import { HotplugError } from "../errors.ts";
import { FORMATS } from "../host/qcow2.ts";
import {
  NAMED_NODES,
  type NamedNode,
  PROTOCOLS,
} from "../qmp/block_queries.ts";
import { BLOCK, type BlockBackend, NODE_NAMES } from "../qmp/commands.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import { text as textOf } from "../qmp/reading.ts";
import {
  absolute,
  LINE,
  list,
  type Of,
  qemuId,
  text,
} from "../state/value_check.ts";

// By its `id=`, the `device` of `query-block`.
const checkDropDrive = stepCheck("drop-drive", { drive: text(LINE) });

/**
 * Makes sure that a drive (`-drive`, HMP `drive_add`) is gone. QEMU removes it
 * with its device; a drive without a device is deleted.
 */
type DropDriveStep = Of<typeof checkDropDrive>;

async function findDrive(
  { drive }: DropDriveStep,
  { qmp }: World,
): Promise<BlockBackend | undefined> {
  return (await ask(qmp, BLOCK)).find((one) => one.device === drive);
}

/** No QMP command deletes a drive: the second exception to "no HMP". */
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
      throw stays(step, "its name is not valid in a QMP command");
    }
    const answer = await world.send(driveDel(step));
    // HMP reports a failure only in words: the list of drives tells.
    if (await findDrive(step, world) === undefined) return;
    throw stays(step, textOf(answer).trim());
  },
  undo() {},
  confirm: async (step, world) => await findDrive(step, world) === undefined,
  describe: (step) => ({
    step: `make sure that drive ${step.drive} was removed with its device`,
    qmp: driveDel(step),
    undo: null,
  }),
});

// By its node-name.
const checkDropNode = stepCheck("drop-node", { name: text(LINE) });

/**
 * Deletes a block node that was under another node, unless it was deleted with
 * that node.
 */
/** The form in a plan. */
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
    step:
      `delete node ${step.name}, unless QEMU removed it with the node above`,
    qmp: nodeDel(step),
    undo: null,
  }),
});

const checkNodes = stepCheck("verify-nodes", {
  // The topmost node of the disk.
  id: qemuId,
  // The files that QEMU had to open, each once.
  files: list(absolute),
  // Names of the nodes that QEMU had before.
  known: list(text(LINE)),
});

/**
 * Makes sure that QEMU opened no other file: a header that was changed after
 * our check can name another file.
 */
export type VerifyNodesStep = Of<typeof checkNodes>;

const FORMAT_DRIVERS: readonly string[] = FORMATS;

/** The first new node with data from another file. */
function foreignNode(
  nodes: readonly NamedNode[],
  { files, known }: VerifyNodesStep,
): NamedNode | undefined {
  const left = [...files];
  return nodes.filter(({ name, driver }) =>
    !known.includes(name) && !FORMAT_DRIVERS.includes(driver)
  ).find(({ driver, file }) => {
    const at = PROTOCOLS.includes(driver) ? left.indexOf(file) : -1;
    return at < 0 || left.splice(at, 1).length === 0;
  });
}

const VERIFY_NODES_STEP = defineLook({
  check: checkNodes,
  async fault(step, { qmp }) {
    const found = foreignNode(await ask(qmp, NAMED_NODES), step);
    if (found === undefined) return undefined;
    return new HotplugError(
      "qmp-error",
      `QEMU opened ${
        found.file || "a file"
      } (${found.driver}) for ${step.id} in addition to the given files: another program changed the image`,
      {
        hint:
          "everything was undone; find out which program writes to the image",
      },
    );
  },
  describe: ({ files }) => ({
    step: `verify that QEMU opened nothing but ${files.join(", ")}`,
    qmp: { execute: NAMED_NODES.execute, arguments: NAMED_NODES.args ?? {} },
  }),
});

/** The kinds of these steps. */
export const BLOCK_STEPS = [
  VERIFY_NODES_STEP,
  DROP_DRIVE_STEP,
  DROP_NODE_STEP,
];
