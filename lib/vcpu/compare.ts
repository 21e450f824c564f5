/**
 * Differences between runtime file and QEMU about processors. Pure.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import { absentDifference } from "../plan/compare_entry.ts";
import { lostDifference } from "../plan/compare_own.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { commandLine } from "../state/instance.ts";
import { VCPU } from "./name.ts";
import { isOurs } from "./note.ts";
import { isSamePlace, placeOfId, placesOf, placeText } from "./places.ts";
import { type RecordedVcpu, recordedVcpus } from "./recorded.ts";

/** Words without a device: a start would make a processor that is not there. */
function absent(facts: WholeFacts, vcpu: RecordedVcpu): Difference[] {
  const found = absentDifference(facts, vcpu);
  if (found === undefined) return [];
  const { mend: _, ...told } = found;
  if (isOurs(facts, vcpu)) {
    const did = "removed its words from the runtime file (kvm_cmd)";
    return [{ ...told, mend: { word: "remove", did } }];
  }
  const { paths } = facts;
  const { id } = vcpu.hvinfo;
  const remove = commandLine(paths, "vcpu", "remove", paths.name, id);
  const hint = `to remove its words from the runtime file, run: ${remove}`;
  return [{ ...told, hint }];
}

/** The same processor in another place, or of another driver. */
function moved(facts: WholeFacts, vcpu: RecordedVcpu): Difference[] {
  const { id, driver } = vcpu.hvinfo;
  const live = placeOfId(placesOf(facts.qemu), id);
  if (live === undefined) return [];
  if (isSamePlace(live.props, vcpu.props) && live.driver === driver) return [];
  const say = (one: { driver: string }, props: RecordedVcpu["props"]) =>
    `${one.driver} at ${placeText(props)}`;
  return [{
    code: "place",
    device: nameOfEntry(vcpu),
    message: `${titleOf(vcpu)} (${id}) is recorded as ${
      say(vcpu.hvinfo, vcpu.props)
    }, but QEMU has ${say(live, live.props)}`,
    hint: commandLine(facts.paths, "repair", facts.paths.name),
    mend: { word: "place", did: "recorded the processor as QEMU has it" },
  }];
}

/** Notes of processors that neither the file nor QEMU has: a call was killed. */
function lost({ own, qemu, recorded }: WholeFacts): Difference[] {
  const known = new Set([
    ...qemu.deviceIds,
    ...recorded.map(({ hvinfo }) => hvinfo.id),
  ]);
  return Object.entries(own.record.devices)
    .filter(([key, { kind }]) => kind === VCPU.word && !known.has(key))
    .map(([key]) => lostDifference(key));
}

/** The differences. */
export function vcpuDifferences(facts: WholeFacts): Difference[] {
  return [
    ...recordedVcpus(facts.content.runtime).flatMap((one) => [
      ...absent(facts, one),
      ...moved(facts, one),
    ]),
    ...lost(facts),
  ];
}
