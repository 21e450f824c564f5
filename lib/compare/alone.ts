/**
 * What is left on this node of a VM that does not run.
 *
 * @module
 */

import { readOwnFacts } from "../engine/own_facts.ts";
import { loadKinds, loadNotes } from "../kinds.ts";
import { heldDifferences, lostDifference } from "../plan/compare_own.ts";
import type { Compared } from "../plan/difference.ts";
import { giveBackPlan } from "../plan/finding.ts";
import type { InstancePaths } from "../state/instance.ts";
import { noteOn } from "../state/own_check.ts";
import { commonPlan, leftoverDifferences } from "./common.ts";
import { findLeftovers } from "./whole.ts";

/**
 * Compares what there is without QEMU: all that was made for it is to be given
 * back.
 *
 * @throws {HotplugError} `refused` | `bad-state-file`
 */
export async function compareAlone(paths: InstancePaths): Promise<Compared> {
  const own = await readOwnFacts(paths, undefined, loadNotes);
  const { devices } = own.record;
  const held = heldDifferences(own.record);
  const kinds = await loadKinds();
  return {
    differences: [
      ...Object.keys(devices).map((uuid) =>
        held.get(uuid) ?? lostDifference(uuid)
      ),
      ...leftoverDifferences(findLeftovers(paths)),
    ],
    async plan(difference) {
      const { mend } = difference;
      const uuid = mend?.subject ?? "";
      if (mend?.word !== "give-back") return commonPlan(paths, difference);
      const kind = kinds.find(({ word }) =>
        word === noteOn({ devices }, uuid)?.kind
      );
      return await Promise.resolve(
        kind && giveBackPlan({ paths, own }, uuid, kind),
      );
    },
  };
}
