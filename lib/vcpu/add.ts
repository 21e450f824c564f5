/**
 * Plans to add processors. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { refuse } from "../errors.ts";
import { deviceStep, planAddition } from "../plan/addition.ts";
import {
  noteWords,
  presentRemark,
  putWords,
  rowRemarks,
} from "../plan/command_words.ts";
import type { Facts } from "../plan/facts.ts";
import type { Row } from "../plan/kind.ts";
import { refuseImpossible, refuseTakenId } from "../plan/requirements.ts";
import { VCPU } from "./name.ts";
import {
  type Place,
  placesOf,
  placeText,
  presentIn,
  sayCount,
} from "./places.ts";
import { recordedVcpus, vcpuArguments, vcpuWords } from "./recorded.ts";
import type { VcpuAdd, VcpuRequest } from "./request.ts";
import { freePlaces, vcpuRules, type Wanted } from "./rules.ts";
import { vcpuView } from "./view.ts";

/** @throws {HotplugError} status 3 if so many processors cannot be added */
export function refuseNoAddition(
  facts: Facts,
  kind: "vcpu-add" | "vcpu-set",
  wanted: Wanted,
): void {
  refuseImpossible(facts, VCPU.needs[kind]);
  for (const rule of vcpuRules(facts, wanted)) rule.refuse();
}

/** Ids like the number of the place, if they are free. */
function newIds(facts: Facts, places: readonly Place[]): string[] {
  const taken = new Set([
    ...facts.qemu.deviceIds,
    ...facts.recorded.map(({ hvinfo }) => hvinfo.id),
  ]);
  return places.map(({ index }) => {
    let number = index;
    while (taken.has(`vcpu-${number}`)) number++;
    const id = `vcpu-${number}`;
    taken.add(id);
    return id;
  });
}

/**
 * The requests that add so many processors, each in its place.
 *
 * @throws {HotplugError} `unsupported` if there is not as much room
 */
export function additions(facts: Facts, count: number): VcpuAdd[] {
  const places = freePlaces(facts, { count });
  const ids = newIds(facts, places);
  const { name: instance } = facts.paths;
  return places.map((one, at) => ({
    kind: "vcpu-add",
    instance,
    count: 1,
    chosen: { place: placeText(one.props), id: ids[at] ?? "" },
  }));
}

/** @throws {HotplugError} `refused` if the place has been taken meanwhile */
function expectFree(facts: Facts, text: string): Place {
  const place = placesOf(facts.qemu).find(({ props, has }) =>
    placeText(props) === text && has === "free"
  );
  if (place !== undefined) return place;
  throw refuse(`The place ${text} of a processor is not free any more`);
}

const ONLINE =
  "for c in /sys/devices/system/cpu/cpu*/online; do echo 1 > $c; done";

function planOne(
  facts: Facts,
  { place: text, id }: NonNullable<VcpuAdd["chosen"]>,
): Plan {
  const place = expectFree(facts, text);
  refuseTakenId(facts, id);
  const { driver, props } = place;
  const words = vcpuWords(id, place);
  const { length: index } = recordedVcpus(facts.content.runtime);
  const hvinfo = { driver, id };
  const view = vcpuView({ kind: "vcpu", index, hvinfo, props });
  return planAddition(facts, {
    kind: VCPU,
    change: putWords(id, words),
    view,
    before: [],
    plug: deviceStep(vcpuArguments(id, place)),
    // Before that, a kill would leave a note of a device that never was there.
    after: [noteWords(facts, VCPU, { id, words })],
    warnings: [],
    done: [presentRemark(view, ONLINE)],
  });
}

/**
 * Plans `vcpu add`.
 *
 * @throws {HotplugError} status 3
 */
export function planVcpuAdd(
  { count, chosen }: VcpuAdd,
  facts: Facts,
): Plan | Row<VcpuRequest> {
  refuseNoAddition(facts, "vcpu-add", { count });
  if (chosen !== undefined) return planOne(facts, chosen);
  const all = additions(facts, count);
  const [first] = all;
  if (all.length === 1 && first?.chosen !== undefined) {
    return planOne(facts, first.chosen);
  }
  const { length: before } = presentIn(placesOf(facts.qemu));
  const parts = all.map((request, at) => ({
    request,
    reached: before + at + 1,
  }));
  return { action: "add", before, parts, say: sayCount, remarks: rowRemarks };
}
