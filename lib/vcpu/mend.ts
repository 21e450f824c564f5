/**
 * What repair does about differences of processors. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { rewriteWords } from "../plan/command_words.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { giveBackPlan } from "../plan/finding.ts";
import { VCPU } from "./name.ts";
import { placeOfId, placesOf } from "./places.ts";
import { type RecordedVcpu, recordedVcpus, vcpuWords } from "./recorded.ts";
import { planVcpuRemove } from "./remove.ts";

/** Puts words in the place of others. */
function recordAnew(facts: WholeFacts, vcpu: RecordedVcpu): Plan | undefined {
  const { id } = vcpu.hvinfo;
  const live = placeOfId(placesOf(facts.qemu), id);
  if (live === undefined) return undefined;
  return rewriteWords(facts, VCPU, {
    device: vcpu,
    put: vcpuWords(id, live),
    title: `the place of ${id}`,
  });
}

/** The plan for a difference of processors: `KindChanges.mend`. */
export function vcpuMend(
  facts: WholeFacts,
  { device, mend }: Difference,
): Plan | undefined {
  if (mend?.word === "give-back") {
    return giveBackPlan(facts, mend.subject ?? "", VCPU);
  }
  const vcpu = recordedVcpus(facts.content.runtime)
    .find(({ hvinfo: { id } }) => id === device?.id);
  if (vcpu === undefined) return undefined;
  if (mend?.word === "place") return recordAnew(facts, vcpu);
  const { id } = vcpu.hvinfo;
  const instance = facts.paths.name;
  return planVcpuRemove({ kind: "vcpu-remove", instance, device: id }, facts);
}
