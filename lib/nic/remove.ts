/**
 * Plans to remove NICs. Pure.
 *
 * @module
 */

import type { Decision } from "../engine/plan.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { planRemoval } from "../plan/removal.ts";
import { qmpStep } from "../plan/steps.ts";
import type { NicEntry } from "../state/runtime.ts";
import { nicFilesStep, strayNicFiles } from "./files.ts";
import { attachmentOf, type NetworkFacts, outlives } from "./network.ts";
import { withoutUnfit } from "./network_words.ts";
import { notesOf } from "./notes.ts";
import { netinfoOf, networkOf } from "./recorded.ts";
import type { NicRemove } from "./request.ts";
import type { NicStep } from "./steps.ts";
import { NIC } from "./name.ts";
import { NIC_NEEDS } from "./needs.ts";

/** The NIC's backend and, behind it, the tap. */
export function nicBackendSteps(facts: Facts, id: string): NicStep[] {
  const netdev = netdevOf(facts.qemu, id);
  if (netdev === undefined) return [];
  const { tap } = netdev.facts;
  return [
    qmpStep("netdev_del", { id: netdev.id }, null),
    ...(tap === undefined ? [] : [{ kind: "await-tap-gone" as const, tap }]),
  ];
}

/** The same of a NIC that no entry records, and the files that name its tap. */
export function strayNicSteps(facts: Facts, id: string): NicStep[] {
  const tap = facts.qemu.netdevs.get(id)?.tap;
  return [
    ...nicBackendSteps(facts, id),
    ...(tap === undefined ? [] : strayNicFiles(facts, (one) => one === tap)),
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
): NicStep[] {
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
    kind: NIC,
    needs: NIC_NEEDS["nic-remove"],
    entries: facts.content.runtime.nics,
    word: request.device,
    backend: ({ id, uuid, entry }) => [
      ...leaveSteps(facts, { id, uuid, entry }),
      ...nicBackendSteps(facts, id),
      ...NIC.giveBack(facts.own, uuid.toLowerCase()),
      ...nicFilesStep(facts, { removed: entry.index }),
    ],
    strayBackend: request.unrecorded === "forced"
      ? (id) => strayNicSteps(facts, id)
      : undefined,
  });
}
