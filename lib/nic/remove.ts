/**
 * Plans to remove NICs. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { refuse } from "../errors.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { entryRemoval, planRemoval, type Removable } from "../plan/removal.ts";
import { qmpStep } from "../plan/steps.ts";
import type { NicEntry } from "../state/runtime.ts";
import { endsWithCard } from "./driver.ts";
import { awaitTapGone } from "./tap.ts";
import { nicFilesStep, strayNicFiles, tapOf } from "./files.ts";
import { NIC } from "./name.ts";
import {
  attachmentOf,
  outlives,
  type ScriptFacts,
  withoutUnfit,
} from "./network.ts";
import { notesOf } from "./notes.ts";
import { recordedNic } from "./recorded.ts";
import type { NicRemove } from "./request.ts";
import type { NicStep } from "./steps.ts";

/** The NIC's backend and its tap. */
function backendSteps(facts: Facts, id: string): NicStep[] {
  const netdev = netdevOf(facts.qemu, id);
  if (netdev === undefined) return [];
  const { tap } = netdev.facts;
  return [
    qmpStep("netdev_del", { id: netdev.id }, null),
    ...(tap === undefined ? [] : [awaitTapGone(facts, netdev.facts)]),
  ];
}

/**
 * As {@linkcode backendSteps}, for a NIC without an entry, with the files that
 * name its tap.
 */
export function strayNicSteps(facts: Facts, id: string): NicStep[] {
  const tap = facts.qemu.netdevs.get(id)?.tap;
  return [
    ...backendSteps(facts, id),
    ...(tap === undefined ? [] : strayNicFiles(facts, (one) => one === tap)),
  ];
}

/**
 * Removes things from the node that do not disappear with the tap: rules, a
 * switch's port, things that a script of Ganeti made and another one removes.
 */
function leaveSteps(
  facts: Facts & ScriptFacts,
  { uuid, entry }: Removable<NicEntry>,
): NicStep[] {
  const tap = tapOf(facts, entry);
  if (tap === undefined) return [];
  const { script } = notesOf(facts, uuid);
  const from = withoutUnfit(
    attachmentOf(facts, { ...recordedNic(entry), script }, {
      uuid,
      index: entry.index,
    }),
  );
  if (!outlives(from)) return [];
  return [{ kind: "attach-tap", tap, from, to: null, failure: "told" }];
}

/** Facts for removing a NIC. */
export interface NicRemoveFacts extends Facts, ScriptFacts {
  /** Names in NIC files without an interface. @default none is known */
  readonly deletedTaps?: ReadonlySet<string>;
}

/** Refuses a removal that would end the VM. @throws {HotplugError} `refused` */
function refuseFatal(
  { qemu, nicFiles, deletedTaps }: NicRemoveFacts,
  { entry: { index, hvinfo }, id, title }: Removable<NicEntry>,
): void {
  const file = nicFiles?.[String(index)];
  const netdev = netdevOf(qemu, id);
  const isDeleted = netdev !== undefined && netdev.facts.tap === undefined &&
    file !== undefined && deletedTaps?.has(file);
  if (!isDeleted || !endsWithCard(qemu, hvinfo.driver)) return;
  throw refuse(
    `Cannot remove ${title}: its tap ${file} was deleted, and QEMU ${qemu.version.major} would crash if this card were removed`,
    "stop and start the instance",
  );
}

/**
 * Plans to remove a NIC.
 *
 * @param facts repair omits the facts about scripts
 * @throws {HotplugError} status 3
 */
export function planNicRemove(
  request: NicRemove,
  facts: NicRemoveFacts,
): Plan {
  return planRemoval(facts, {
    kind: NIC,
    needs: NIC.needs["nic-remove"],
    entries: facts.content.runtime.nics,
    word: request.device,
    change: entryRemoval(NIC),
    check: (chosen) => refuseFatal(facts, chosen),
    backend: (chosen) => [
      ...leaveSteps(facts, chosen),
      ...backendSteps(facts, chosen.id),
      ...NIC.giveBack(facts.own, chosen.key),
      ...nicFilesStep(facts, (taps) => taps.toSpliced(chosen.entry.index, 1)),
    ],
    unrecorded: request.unrecorded,
    strayBackend: (id) => strayNicSteps(facts, id),
  });
}
