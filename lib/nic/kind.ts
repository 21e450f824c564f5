/**
 * NICs, whole: what lib/kinds.ts is told of them.
 *
 * @module
 */

import type { World } from "../engine/world.ts";
import { ganetiDown, ganetiScript } from "../host/network.ts";
import type { NodeFacts } from "../plan/facts.ts";
import type { Kind, Planner } from "../plan/kind.ts";
import { planNicAdd } from "./add.ts";
import { readNicAddFacts } from "./add_facts.ts";
import { nicAdoption } from "./adopt.ts";
import { compareNics } from "./compare.ts";
import { withNetwork, withNetworkChange } from "./ganeti_network.ts";
import { readLiveNics } from "./live.ts";
import { readNicModifyFacts } from "./modified.ts";
import { planNicModify } from "./modify.ts";
import { NIC } from "./name.ts";
import { nicNote } from "./note.ts";
import { planNicRemove } from "./remove.ts";
import type { NicRequest } from "./request.ts";
import { readRomless, startNics } from "./start.ts";
import { NIC_STEPS } from "./steps.ts";
import { nicRequirements } from "./tap.ts";

function prepare(request: NicRequest, node: NodeFacts, world: World): Planner {
  switch (request.kind) {
    case "nic-add": {
      const whole = withNetwork(request, node);
      return async (facts) =>
        planNicAdd(whole, await readNicAddFacts(facts, whole, world));
    }
    case "nic-modify": {
      const whole = withNetworkChange(request, node);
      return async (facts) =>
        planNicModify(whole, await readNicModifyFacts(facts, whole, world));
    }
    case "nic-remove": {
      const scripts = {
        ganetiScript: ganetiScript(),
        ganetiDown: ganetiDown(),
      };
      return (facts) => planNicRemove(request, { ...facts, ...scripts });
    }
    default:
      return request satisfies never;
  }
}

/** All of NICs. */
export const NIC_KIND: Kind<NicRequest> = {
  ...NIC,
  prepare,
  steps: NIC_STEPS,
  record: nicNote,
  requirements: nicRequirements,
  compare: compareNics,
  adopt: async ({ qemu }, { qmp, process }) =>
    nicAdoption(await readLiveNics(qmp, qemu, process)),
  async start(facts, qmp) {
    const romless = qmp && await readRomless(qmp, facts.runtime);
    return startNics(facts, romless ?? new Set());
  },
  finish: (instance, device) => ({ kind: "nic-remove", instance, device }),
};
