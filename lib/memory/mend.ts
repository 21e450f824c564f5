/**
 * What repair does about differences of memory. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { rewriteWords } from "../plan/command_words.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { giveBackPlan } from "../plan/finding.ts";
import { planStray } from "../plan/removal.ts";
import { straysOfKind } from "../plan/strays.ts";
import { liveMemory } from "./live.ts";
import { MEMORY } from "./name.ts";
import {
  type RecordedMemory,
  recordedMemory,
  resizedWords,
} from "./recorded.ts";
import { freeStray, planMemoryRemove } from "./remove.ts";

/** Records the size that QEMU has. */
function recordSize(
  facts: WholeFacts,
  memory: RecordedMemory,
): Plan | undefined {
  const { id } = memory.hvinfo;
  const live = liveMemory(facts.qemu, id);
  if (live === undefined) return undefined;
  return rewriteWords(facts, MEMORY, {
    device: memory,
    put: resizedWords(memory, live.requestedBytes),
    title: `the size of ${id}`,
  });
}

/**
 * The plan for a difference of memory: `KindChanges.mend`.
 *
 * @throws {HotplugError} if it cannot be mended
 */
export function memoryMend(
  facts: WholeFacts,
  { device, mend }: Difference,
): Plan | undefined {
  const { word, subject = "" } = mend ?? {};
  if (word === "give-back") return giveBackPlan(facts, subject, MEMORY);
  if (word === "orphan-memory") {
    const stray = straysOfKind(facts, MEMORY)
      .find(({ id, has }) => id === subject && has === "backend");
    const backend = freeStray(facts, subject);
    return stray && planStray(facts, stray, { kind: MEMORY, backend });
  }
  const memory = recordedMemory(facts.content.runtime)
    .find(({ hvinfo: { id } }) => id === device?.id);
  if (memory === undefined) return undefined;
  if (word === "size") return recordSize(facts, memory);
  const { id } = memory.hvinfo;
  const instance = facts.paths.name;
  const kind = "memory-remove";
  return planMemoryRemove({ kind, instance, device: id }, facts);
}
