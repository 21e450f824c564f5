/**
 * Plans to remove NICs. Pure.
 *
 * @module
 */

import type { Facts } from "./facts.ts";
import type { Decision } from "./plan.ts";
import {
  chooseRemoval,
  qmpStep,
  refuseImpossible,
  stateSteps,
  unplugSteps,
} from "./plan_common.ts";
import { nicFilesStep } from "./plan_nic_files.ts";
import type { NicRemove } from "./request.ts";
import type { Step } from "./step.ts";
import { recordedView } from "./view.ts";

const REMOVE_COMMANDS = ["device_del", "netdev_del"];

/** The NIC's backend and, behind it, the tap. */
function backendSteps(facts: Facts, id: string): Step[] {
  const netdev = facts.qemu.netdevs.get(id);
  if (netdev === undefined) return [];
  return [
    qmpStep("netdev_del", { id }, null),
    ...(netdev.tap === undefined
      ? []
      : [{ kind: "await-tap-gone" as const, tap: netdev.tap }]),
  ];
}

/**
 * Plans to remove a NIC: the guest first, then QEMU's backend and with it the
 * tap, then the record.
 *
 * @throws {HotplugError} status 3
 */
export function planNicRemove(request: NicRemove, facts: Facts): Decision {
  refuseImpossible(facts, REMOVE_COMMANDS);
  const chosen = chooseRemoval(facts, {
    kind: "nic",
    entries: facts.content.runtime.nics,
    word: request.device,
  });
  if ("kind" in chosen) return chosen;
  const { entry, uuid, id, title } = chosen;
  const { stage, commit } = stateSteps(facts, {
    change: "delete",
    list: "nics",
    uuid,
  });
  return {
    kind: "plan",
    plan: {
      action: "remove",
      instance: facts.paths.name,
      title,
      device: recordedView(entry, facts),
      steps: [
        stage,
        ...unplugSteps(facts, chosen),
        ...backendSteps(facts, id),
        ...nicFilesStep(facts, { removed: entry.index }),
        commit,
      ],
      warnings: [],
    },
  };
}
