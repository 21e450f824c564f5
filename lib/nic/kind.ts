/**
 * NICs, whole: what lib/kinds.ts is told of them.
 *
 * @module
 */

import type { Kind, RequestKind } from "../plan/kind.ts";
import { NIC } from "./name.ts";
import { nicNote } from "./note.ts";
import type { NicRequest } from "./request.ts";
import { NIC_STEPS } from "./steps.ts";

/** By the kind of request; each loads what it needs and no more. */
const REQUESTS: {
  readonly [K in NicRequest["kind"]]: RequestKind<
    Extract<NicRequest, { kind: K }>
  >;
} = {
  "nic-add": {
    async prepare(request, node, world) {
      const { readNicAddFacts } = await import("./add_facts.ts");
      const { planNicAdd } = await import("./add.ts");
      const { withNetwork } = await import("./ganeti_network.ts");
      const whole = withNetwork(request, node);
      return async (facts) =>
        planNicAdd(whole, await readNicAddFacts(facts, whole, world));
    },
  },
  "nic-modify": {
    async prepare(request, node, world) {
      const { readNicModifyFacts } = await import("./modified.ts");
      const { planNicModify } = await import("./modify.ts");
      const { withNetworkChange } = await import("./ganeti_network.ts");
      const whole = withNetworkChange(request, node);
      return async (facts) =>
        planNicModify(whole, await readNicModifyFacts(facts, whole, world));
    },
  },
  "nic-remove": {
    async prepare(request) {
      const { planNicRemove } = await import("./remove.ts");
      const { ganetiDown, ganetiScript } = await import("../host/network.ts");
      const scripts = {
        ganetiScript: ganetiScript(),
        ganetiDown: ganetiDown(),
      };
      return (facts) => planNicRemove(request, { ...facts, ...scripts });
    },
  },
};

/** All of NICs. */
export const NIC_KIND: Kind<NicRequest> = {
  ...NIC,
  requests: REQUESTS,
  steps: NIC_STEPS,
  record: nicNote,
  async requirements(facts) {
    const { nicRequirements } = await import("./tap.ts");
    return await nicRequirements(facts);
  },
  async compare(facts, qmp) {
    const { compareNics } = await import("./compare.ts");
    return await compareNics(facts, qmp);
  },
  async adopt({ qemu }, { qmp, process }) {
    const { nicAdoption } = await import("./adopt.ts");
    const { readLiveNics } = await import("./live.ts");
    return nicAdoption(await readLiveNics(qmp, qemu, process));
  },
  async start(facts, qmp) {
    const { readRomless, startNics } = await import("./start.ts");
    const romless = qmp && await readRomless(qmp, facts.runtime);
    return startNics(facts, romless ?? new Set());
  },
  finish: (instance, device) => ({ kind: "nic-remove", instance, device }),
};
