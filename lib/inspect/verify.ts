/**
 * Whether the live QEMU, this node and the runtime file describe the same
 * machine.
 *
 * @module
 */

import { compareWhole } from "../compare/whole.ts";
import { nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import type { Difference, FormatCommand } from "../plan/difference.ts";
import { completeFacts, readNode } from "../plan/facts.ts";
import { loadNotes } from "../kinds.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";

/** How an instance is verified. */
export type VerifyOptions = MonitorOptions & {
  /** Makes a command of ours that reaches the same instance. */
  readonly format: FormatCommand;
};

/**
 * Compares an instance's file with its live QEMU and this node.
 *
 * @throws {HotplugError} status 4 if QEMU cannot be asked
 */
export async function verifyInstance(
  { paths, content }: {
    readonly paths: InstancePaths;
    readonly content: RuntimeContent;
  },
  { format, ...options }: VerifyOptions,
): Promise<readonly Difference[]> {
  using qmp = await openMonitor(paths.qmp, options);
  try {
    const answer = await askQemu(qmp, paths);
    const node = await readNode(paths, content);
    const facts = await completeFacts(node, await answer(), loadNotes);
    return (await compareWhole(facts, { qmp, format })).differences;
  } catch (error) {
    throw nothingChanged(error);
  }
}
