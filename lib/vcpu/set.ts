/**
 * Plans to bring a VM to a number of processors, by as few changes as that
 * takes. Pure.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import { rowRemarks } from "../plan/command_words.ts";
import type { Row, RowPart } from "../plan/kind.ts";
import {
  refuseImpossible,
  refusePending,
  refuseWithoutAcpi,
} from "../plan/requirements.ts";
import { additions, refuseNoAddition } from "./add.ts";
import { VCPU } from "./name.ts";
import { placesOf, presentIn, sayCount } from "./places.ts";
import { removable } from "./remove.ts";
import type { VcpuRequest, VcpuSet } from "./request.ts";

function more(facts: Facts, before: number, count: number) {
  const cannot = `Cannot set ${sayCount(count)}`;
  refuseNoAddition(facts, "vcpu-set", { count: count - before, cannot });
  return additions(facts, count - before).map((request, at) => ({
    request,
    reached: before + at + 1,
  }));
}

function fewer(facts: Facts, before: number, count: number) {
  refuseWithoutAcpi(facts, "processors");
  const going = removable(facts).slice(0, before - count);
  const least = before - removable(facts).length;
  if (count < least) {
    throw unsupported(
      `The VM cannot have ${
        sayCount(count)
      }: ${least} of its ${before} cannot be removed`,
      "processors that QEMU was started with (-smp) have no device id; they stay until the VM ends",
    );
  }
  const { name: instance } = facts.paths;
  return going.map(({ hvinfo: { id } }, at): RowPart<VcpuRequest> => ({
    request: { kind: "vcpu-remove", instance, device: id },
    reached: before - at - 1,
  }));
}

/**
 * Plans `vcpu set`.
 *
 * @throws {HotplugError} status 3
 */
export function planVcpuSet(
  { count }: VcpuSet,
  facts: Facts,
): Row<VcpuRequest> {
  refuseImpossible(facts, VCPU.needs["vcpu-set"]);
  const { length: before } = presentIn(placesOf(facts.qemu));
  if (count >= before) {
    for (const one of removable(facts)) refusePending(facts, one);
  }
  const parts = count > before
    ? more(facts, before, count)
    : count < before
    ? fewer(facts, before, count)
    : [];
  return { action: "set", before, parts, say: sayCount, remarks: rowRemarks };
}
