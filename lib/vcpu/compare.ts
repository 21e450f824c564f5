/**
 * Differences between runtime file and QEMU about processors. Pure.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import { absentWords, lostWords } from "../plan/command_words.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { commandLine } from "../state/instance.ts";
import { VCPU } from "./name.ts";
import { isSamePlace, placeOfId, placesOf, placeText } from "./places.ts";
import { type RecordedVcpu, recordedVcpus } from "./recorded.ts";

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

/** The differences. */
export function vcpuDifferences(facts: WholeFacts): Difference[] {
  return [
    ...recordedVcpus(facts.content.runtime).flatMap((one) => [
      ...absentWords(facts, one),
      ...moved(facts, one),
    ]),
    ...lostWords(facts, VCPU),
  ];
}
