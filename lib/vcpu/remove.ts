/**
 * Plans to remove processors. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { unsupported } from "../errors.ts";
import { takeWords } from "../plan/command_words.ts";
import type { Facts } from "../plan/facts.ts";
import { isPending } from "../plan/recorded.ts";
import { planRemoval } from "../plan/removal.ts";
import { refuseImpossible, refuseWithoutAcpi } from "../plan/requirements.ts";
import { VCPU } from "./name.ts";
import { placeOfId, placesOf, presentIn, sayCount } from "./places.ts";
import { type RecordedVcpu, recordedVcpus } from "./recorded.ts";
import type { VcpuRemove } from "./request.ts";

/**
 * The recorded processors that QEMU has, in the order in which they go: what
 * the guest was asked for already, then the highest place.
 */
export function removable(facts: Facts): RecordedVcpu[] {
  const places = placesOf(facts.qemu);
  return recordedVcpus(facts.content.runtime).flatMap((vcpu) => {
    const place = placeOfId(places, vcpu.hvinfo.id);
    if (place === undefined) return [];
    return [{
      vcpu,
      late: isPending(facts.own.record, vcpu) ? 0 : 1,
      at: place.index,
    }];
  })
    .sort((one, other) => one.late - other.late || other.at - one.at)
    .map(({ vcpu }) => vcpu);
}

/** @throws {HotplugError} `unsupported` if there is none */
function highest(facts: Facts): string {
  const [first] = removable(facts);
  if (first !== undefined) return first.hvinfo.id;
  const { length: count } = presentIn(placesOf(facts.qemu));
  throw unsupported(
    `No processor can be removed: the VM has ${
      sayCount(count)
    }, and the runtime file records none that was added`,
    "processors that QEMU was started with have no device id; they stay until the VM ends",
  );
}

/** Ids of ours are given to one processor at a time. */
const OUR_ID = /^vcpu-\d+$/;

/**
 * Plans `vcpu remove`.
 *
 * @throws {HotplugError} status 3
 */
export function planVcpuRemove(request: VcpuRemove, facts: Facts): Plan {
  const needs = VCPU.needs["vcpu-remove"];
  refuseImpossible(facts, needs);
  refuseWithoutAcpi(facts, "processors");
  return planRemoval(facts, {
    kind: VCPU,
    needs,
    entries: recordedVcpus(facts.content.runtime),
    word: "device" in request ? request.device : highest(facts),
    isExact: (word) => OUR_ID.test(word),
    change: takeWords,
    backend: () => [],
    unrecorded: request.unrecorded,
    strayBackend: () => [],
  });
}
