/**
 * Processors, as lib/kinds.ts is told of them.
 *
 * @module
 */

import { wordsNote } from "../plan/command_words.ts";
import type { Kind } from "../plan/kind.ts";
import { vcpuDifferences } from "./compare.ts";
import { VCPU } from "./name.ts";
import type { VcpuRequest } from "./request.ts";
import { vcpuRules } from "./rules.ts";
import { vcpuTotals } from "./view.ts";

/** All that questions need. */
export const VCPU_KIND: Kind<VcpuRequest> = {
  ...VCPU,
  record: wordsNote("vcpu"),
  requirements: (facts) => Promise.resolve(vcpuRules(facts)),
  compare: (facts) => Promise.resolve(vcpuDifferences(facts)),
  totals: vcpuTotals,
  changes: async () => (await import("./changes.ts")).VCPU_CHANGES,
};
