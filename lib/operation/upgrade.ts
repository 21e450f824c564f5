/**
 * The plan of `state upgrade`.
 *
 * @module
 */

import { type Plan, planOf } from "../engine/plan.ts";
import { makeNonce } from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import type { InstancePaths } from "../state/instance.ts";
import { isCurrent } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";

/** Plans to bring the runtime file to the form of Ganeti 3.1. */
export function planStateUpgrade(
  paths: InstancePaths,
  content: RuntimeContent,
): Plan {
  const about = {
    action: "upgrade",
    instance: paths.name,
    title: `runtime file ${paths.runtime}`,
    device: null,
  } as const;
  if (isCurrent(content.runtime)) return planOf({ ...about, steps: [] });
  const { stage, commit } = stateSteps(
    { paths, content, nonce: makeNonce() },
    { change: "upgrade" },
  );
  return planOf({ ...about, steps: [stage, commit] });
}
