/**
 * The kind of NICs, for lib/kinds.ts.
 *
 * @module
 */

import type { Kind } from "../plan/kind.ts";
import { compareNics } from "./compare.ts";
import { NIC } from "./name.ts";
import { nicNote } from "./note.ts";
import type { NicRequest } from "./request.ts";
import { readRomless, startNics } from "./start.ts";

/** All parts that questions need. */
export const NIC_KIND: Kind<NicRequest> = {
  ...NIC,
  record: nicNote,
  requirements: async (facts) =>
    (await import("./tap.ts")).nicRequirements(facts),
  compare: compareNics,
  async start(facts, qmp) {
    const romless = qmp && await readRomless(qmp, facts.runtime);
    return startNics(facts, romless ?? new Set());
  },
  changes: async () => (await import("./changes.ts")).NIC_CHANGES,
};
