/**
 * Mending links, from a look at the node to a plan.
 *
 * @module
 */

import type { QemuProcess } from "../host/process.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { readLinksFacts } from "./facts_links.ts";
import type { Decision } from "../engine/plan.ts";
import { planLinks } from "../disk/links.ts";
import type { LinksMend } from "./request.ts";

/** Reads what mending depends on and plans it. */
export function planLinksOf(
  request: LinksMend,
  paths: InstancePaths,
  content: RuntimeContent,
): { decision: Decision; process: QemuProcess | undefined } {
  const facts = readLinksFacts(paths, content, request);
  if (facts !== undefined) {
    return { decision: planLinks(request, facts), process: facts.process };
  }
  const { instance } = request;
  const about = { action: "mend", instance, device: null } as const;
  const decision = { kind: "nothing-to-do", ...about, warnings: [] } as const;
  return { decision, process: undefined };
}
