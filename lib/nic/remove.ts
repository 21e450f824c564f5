/**
 * Plans to remove NICs. Pure.
 *
 * @module
 */

import type { Decision } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { endAccessSteps } from "../plan/give_back.ts";
import { planRemoval } from "../plan/removal.ts";
import { qmpStep } from "../plan/steps.ts";
import type { NicEntry } from "../state/runtime.ts";
import { nicFilesStep } from "./files.ts";
import { attachmentOf, type NetworkFacts, outlives } from "./network.ts";
import { withoutUnfit } from "./network_words.ts";
import { notesOf } from "./notes.ts";
import { netinfoOf, networkOf } from "./recorded.ts";
import type { NicRemove } from "./request.ts";

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

/** What removing a NIC also depends on; repair does without. */
export type NicRemoveFacts =
  & Facts
  & Partial<Pick<NetworkFacts, "ganetiScript" | "ganetiDown">>;

/**
 * Takes off the node what does not go with the tap: rules, a switch's port,
 * what a script of Ganeti's joined and takes off again.
 */
function leaveSteps(
  facts: NicRemoveFacts,
  { id, uuid, entry }: { id: string; uuid: string; entry: NicEntry },
): Step[] {
  const tap = netdevOf(facts.qemu, id)?.facts.tap ??
    facts.nicFiles?.[String(entry.index)];
  if (tap === undefined) return [];
  const { ganetiScript, ganetiDown } = facts;
  const nic = {
    ...networkOf(entry, {}),
    uuid,
    name: entry.name,
    mac: entry.mac ?? "",
    network: entry.network,
    netinfo: netinfoOf(entry),
  };
  const from = withoutUnfit(attachmentOf({ ganetiScript, ganetiDown }, nic, {
    instance: facts.paths.name,
    index: entry.index,
    script: notesOf(facts, uuid).script,
  }));
  if (!outlives(from)) return [];
  return [{ kind: "attach-tap", tap, from, to: null, failure: "told" }];
}

/**
 * Plans to remove a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicRemove(
  request: NicRemove,
  facts: NicRemoveFacts,
): Decision {
  return planRemoval(facts, {
    kind: "nic",
    entries: facts.content.runtime.nics,
    word: request.device,
    backend: ({ id, uuid, entry }) => [
      ...leaveSteps(facts, { id, uuid, entry }),
      ...nicBackendSteps(facts, id),
      ...endAccessSteps(facts.own, uuid.toLowerCase()),
      ...nicFilesStep(facts, { removed: entry.index }),
    ],
    strayBackend: request.unrecorded === "forced"
      ? (id) => nicBackendSteps(facts, id)
      : undefined,
  });
}
