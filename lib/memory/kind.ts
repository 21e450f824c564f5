/**
 * Memory, as lib/kinds.ts is told of it.
 *
 * @module
 */

import { wordsNote } from "../plan/command_words.ts";
import type { Kind } from "../plan/kind.ts";
import { memoryDifferences } from "./compare.ts";
import { MEMORY } from "./name.ts";
import type { MemoryRequest } from "./request.ts";
import { memoryRules } from "./rules.ts";
import { memoryTotals } from "./view.ts";

/** All that questions need. */
export const MEMORY_KIND: Kind<MemoryRequest> = {
  ...MEMORY,
  record: wordsNote("memory"),
  requirements: (facts) => Promise.resolve(memoryRules(facts)),
  compare: (facts) => Promise.resolve(memoryDifferences(facts)),
  totals: memoryTotals,
  changes: async () => (await import("./changes.ts")).MEMORY_CHANGES,
};
