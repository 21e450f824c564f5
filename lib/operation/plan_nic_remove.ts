/**
 * Plans to remove NICs. Pure.
 *
 * @module
 */

import type { Facts } from "./facts.ts";
import { netdevOf } from "./netdev.ts";
import type { Decision } from "./plan.ts";
import { qmpStep } from "./plan_common.ts";
import { endAccessSteps } from "./plan_access_end.ts";
import { planRemoval } from "./plan_removal.ts";
import { nicFilesStep } from "./plan_nic_files.ts";
import type { NicRemove } from "./request.ts";
import type { Step } from "./step.ts";

/** The NIC's backend and, behind it, the tap. */
export function nicBackendSteps(facts: Facts, id: string): Step[] {
  const netdev = netdevOf(facts.qemu, id);
  if (netdev === undefined) return [];
  const { tap } = netdev.facts;
  return [
    qmpStep("netdev_del", { id: netdev.id }, null),
    ...(tap === undefined ? [] : [{ kind: "await-tap-gone" as const, tap }]),
  ];
}

/**
 * Plans to remove a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicRemove(request: NicRemove, facts: Facts): Decision {
  return planRemoval(facts, {
    kind: "nic",
    entries: facts.content.runtime.nics,
    word: request.device,
    backend: ({ id, uuid, entry }) => [
      ...nicBackendSteps(facts, id),
      ...endAccessSteps(facts.own, uuid.toLowerCase()),
      ...nicFilesStep(facts, { removed: entry.index }),
    ],
    strayBackend: request.unrecorded === "forced"
      ? (id) => nicBackendSteps(facts, id)
      : undefined,
  });
}
