/**
 * Plans to bring a VM to a number of processors, by as few changes as that
 * takes. Pure.
 *
 * @module
 */

import { refuse, unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { Row, RowPart } from "../plan/kind.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { commandLine } from "../state/instance.ts";
import { additions, refuseNoAddition, sayCount } from "./add.ts";
import { VCPU } from "./name.ts";
import { placesOf, presentIn } from "./places.ts";
import { isPending, removable } from "./remove.ts";
import type { VcpuRequest, VcpuSet } from "./request.ts";
import { refuseWithoutAcpi } from "./rules.ts";

/** @throws {HotplugError} `refused` if the guest may still release one */
function refusePending(facts: Facts): void {
  const one = removable(facts).find((vcpu) => isPending(facts, vcpu));
  if (one === undefined) return;
  const { paths } = facts;
  const { id } = one.hvinfo;
  throw refuse(
    `vcpu ${id} is being removed, but the guest has not released it yet`,
    `to wait for the guest, run: ${
      commandLine(paths, "vcpu", "remove", paths.name, id)
    }`,
  );
}

function more(facts: Facts, before: number, count: number) {
  refuseNoAddition(facts, "vcpu-set");
  return additions(facts, count - before).map((request, at) => ({
    request,
    reached: before + at + 1,
  }));
}

function fewer(facts: Facts, before: number, count: number) {
  refuseWithoutAcpi(facts);
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
  if (count >= before) refusePending(facts);
  const parts = count > before
    ? more(facts, before, count)
    : count < before
    ? fewer(facts, before, count)
    : [];
  return { action: "set", before, parts, say: sayCount };
}
