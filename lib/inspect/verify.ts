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
import { unfinished } from "./attention.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";

/** How an instance is verified. */
export type VerifyOptions = MonitorOptions & {
  /** Makes a command of ours that reaches the same instance. */
  readonly format: FormatCommand;
};

/**
 * Compares an instance's file with its live QEMU and this node. What a change
 * that is not finished has left so far is not told one by one: it is not for a
 * person to mend.
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
  const code = unfinished(paths);
  if (code !== undefined) {
    const remark = code === "interrupted"
      ? {
        what: "a change was interrupted",
        hint: format(["repair", paths.name]),
      }
      : { what: "a change is under way", hint: "verify again once it is done" };
    return [{ code, device: null, ...remark }];
  }
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
