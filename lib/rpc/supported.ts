/**
 * Whether devices of an instance can be hotplugged, for a master.
 *
 * @module
 */

import type { CheckResult } from "../inspect/check.ts";
import type { Answer, Call } from "../commands/answer.ts";
import { check } from "../commands/check.ts";

/** What noded would say of it: one kind of device is enough. */
function verdict({ requirements }: CheckResult): [boolean, string | null] {
  const faults = (["disk", "nic"] as const).map((kind) =>
    requirements.find((one) => !one.ok && one.for.includes(kind))
  );
  if (faults.includes(undefined)) return [true, null];
  return [false, `Hotplug is not supported: ${faults[0]?.detail}`];
}

/**
 * The document of `check`, and what noded would answer.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function hotplugSupported(call: Call): Promise<Answer> {
  const answer = await check(call);
  const result = answer.document as CheckResult;
  return { ...answer, document: { ...result, ganeti: verdict(result) } };
}
