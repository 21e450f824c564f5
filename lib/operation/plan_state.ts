/**
 * Plans for the runtime file alone.
 *
 * @module
 */

import type { InstancePaths } from "../state/instance.ts";
import { isCurrent } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { makeNonce } from "../plan/facts.ts";
import type { Decision } from "../engine/plan.ts";
import { stateSteps } from "../plan/steps.ts";

/** Plans to bring the runtime file to the form Ganeti 3.1 writes. */
export function planStateUpgrade(
  paths: InstancePaths,
  content: RuntimeContent,
): Decision {
  const about = {
    action: "upgrade",
    instance: paths.name,
    device: null,
    warnings: [],
  } as const;
  if (isCurrent(content.runtime)) return { kind: "nothing-to-do", ...about };
  const { stage, commit } = stateSteps(
    { paths, content, nonce: makeNonce() },
    { change: "upgrade" },
  );
  const title = `runtime file ${paths.runtime}`;
  return { kind: "plan", plan: { ...about, title, steps: [stage, commit] } };
}
