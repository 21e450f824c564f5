/**
 * Whether devices of an instance can be hotplugged, for a master.
 *
 * @module
 */

import { askQemu } from "../operation/ask_qemu.ts";
import { expectRuntime } from "../operation/facts.ts";
import { openMonitor } from "../operation/monitor.ts";
import { instancePaths } from "../state/instance.ts";
import type { Answer, Call } from "./answer.ts";
import { reachOf } from "./requests.ts";

/**
 * Asks as noded does: a QEMU that answers is enough. Which device can be
 * added is asked when one is.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function hotplugSupported(
  instance: string,
  { invocation, terminal, trace }: Call,
): Promise<Answer> {
  const reach = reachOf(invocation, terminal.env);
  const paths = instancePaths(reach.runDir, instance, {
    qmp: reach.qmp,
    runtime: reach.state,
  });
  expectRuntime(paths);
  using qmp = await openMonitor(paths.qmp, { ...reach, trace: trace.qmp });
  await (await askQemu(qmp, paths))();
  const document = { ok: true, instance, supported: true };
  return { text: [], document };
}
