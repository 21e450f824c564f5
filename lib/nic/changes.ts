/**
 * Changes of NICs.
 *
 * @module
 */

import type { World } from "../engine/world.ts";
import { interfaceExists } from "../host/tap.ts";
import type { NodeFacts } from "../plan/facts.ts";
import type { KindChanges, Planner } from "../plan/kind.ts";
import { planNicAdd } from "./add.ts";
import { ganetiScripts, readNicAddFacts } from "./add_facts.ts";
import { nicAdoption } from "./adopt.ts";
import { withNetwork, withNetworkChange } from "./ganeti_network.ts";
import { readUnfinished } from "./finish.ts";
import { readLiveNics, readNow, withRates } from "./live.ts";
import { nicMend } from "./mend.ts";
import { readNicModifyFacts } from "./modified.ts";
import { planNicModify } from "./modify.ts";
import { twinNic } from "./now.ts";
import { planNicRemove } from "./remove.ts";
import type { NicRequest } from "./request.ts";
import { NIC_STEPS } from "./steps.ts";

function prepare(
  request: NicRequest,
  node: NodeFacts,
  world: World,
): Planner<NicRequest> {
  switch (request.kind) {
    case "nic-add": {
      const whole = withNetwork(request, node);
      const twin = twinNic(node.content.runtime.nics, whole);
      return async (facts) => {
        const unfinished = twin === undefined
          ? await readUnfinished(facts, whole, world.qmp)
          : undefined;
        return planNicAdd(whole, {
          ...await readNicAddFacts(facts, whole, world),
          now: readNow(facts.qemu, twin?.hvinfo.id ?? unfinished?.id),
          unfinished,
        });
      };
    }
    case "nic-modify": {
      const whole = withNetworkChange(request, node);
      return async (facts) =>
        planNicModify(whole, await readNicModifyFacts(facts, whole, world));
    }
    case "nic-remove": {
      const scripts = ganetiScripts();
      return (facts) => {
        const named = Object.values(facts.nicFiles ?? {});
        const deletedTaps = new Set(
          named.filter((one) => !interfaceExists(one)),
        );
        return planNicRemove(request, { ...facts, ...scripts, deletedTaps });
      };
    }
    default:
      return request satisfies never;
  }
}

/** All further parts that changes need. */
export const NIC_CHANGES: KindChanges<NicRequest> = {
  prepare,
  steps: NIC_STEPS,
  adopt: async ({ qemu }, { qmp, process }) =>
    nicAdoption(await withRates(await readLiveNics(qmp, qemu, process))),
  mend: nicMend,
  finish: (instance, device) => ({ kind: "nic-remove", instance, device }),
};
