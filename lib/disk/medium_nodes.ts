/**
 * The block nodes of media in drives that the VM was started with.
 *
 * QEMU frees a node that `-drive` made as soon as no drive has it. A raw node
 * above it keeps it until the change is recorded, so that an undo can insert
 * the very same node again: whatever it has open, and from wherever.
 *
 * @module
 */

import { MEDIUM_NODE } from "../device/backend.ts";
import type { PlanCommand } from "../device/plan_commands.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { NODE_NAMES } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { object, qemuId, text, word } from "../state/value_check.ts";

/** A node-name has at most 31 characters. */
function nameFor(drive: string, end: string): string {
  const part = drive.replaceAll(/[^A-Za-z0-9._-]/g, "-").slice(0, 19);
  return `${MEDIUM_NODE}${part}-${end}`;
}

/** A free name for the node of a new medium. */
export function mediumNode({ nodeNames }: QemuFacts, drive: string): string {
  const names = ["a", "b", "c", "d"].map((end) => nameFor(drive, end));
  return names.find((one) => !nodeNames.has(one)) ?? nameFor(drive, "e");
}

/** The step that keeps a node, and the one that lets it go. */
export function keepSteps(
  drive: string,
  node: string,
): { keep: QmpStep; drop: QmpStep } {
  const name = { "node-name": nameFor(drive, "old") };
  const above = { driver: "raw", ...name, "read-only": true, file: node };
  return {
    keep: qmpStep("blockdev-add", above, command("blockdev-del", name)),
    drop: qmpStep("blockdev-del", name, null),
  };
}

/** The command of the step that keeps a node. */
export const KEEP_MEDIUM: PlanCommand = {
  takes: object({
    "driver": word("raw"),
    "node-name": qemuId,
    "read-only": word(true),
    "file": text(/^#block\d{1,9}$/),
  }),
  undo: "blockdev-del",
  effect: async (args, qmp) =>
    (await ask(qmp, NODE_NAMES)).has(String(args["node-name"])),
};
