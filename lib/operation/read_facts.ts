/**
 * All facts of an instance, for those who have nothing to do meanwhile.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import type { InstancePaths } from "../state/instance.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import {
  completeFacts,
  expectRuntime,
  type Facts,
  readNode,
} from "../plan/facts.ts";

/**
 * Reads file, QEMU and node, the file first.
 *
 * @throws {HotplugError}
 */
export async function readFacts(
  paths: InstancePaths,
  qmp: QmpSession,
): Promise<Facts> {
  const content = expectRuntime(paths);
  const qemu = await askQemu(qmp, paths);
  const node = readNode(paths, content);
  return await completeFacts(node, await qemu());
}
