/**
 * Differences between runtime file and QEMU about memory. Pure.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import { absentWords, lostWords } from "../plan/command_words.ts";
import {
  driverDifference,
  plugAnew,
  slotDifference,
} from "../plan/compare_entry.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { straysOfKind } from "../plan/strays.ts";
import { commandLine } from "../state/instance.ts";
import { typedSize } from "../words/text.ts";
import { liveMemory } from "./live.ts";
import { MEMORY } from "./name.ts";
import { type RecordedMemory, recordedMemory } from "./recorded.ts";

/** What a migration's target must have as QEMU has it. */
function moved(facts: WholeFacts, memory: RecordedMemory): Difference[] {
  const { id } = memory.hvinfo;
  const live = liveMemory(facts.qemu, id);
  if (live === undefined) return [];
  const pairs = [
    ["size", memory.spanBytes, live.spanBytes],
    ["address", memory.addr, live.addr],
    ["slot", memory.dimmSlot, live.slot],
    ["block-size", memory.blockBytes, live.blockBytes],
  ] as const;
  return pairs.flatMap(([name, recorded, there]) =>
    recorded === undefined || recorded === there ? [] : [{
      code: "memory-place",
      device: nameOfEntry(memory),
      message: `${
        titleOf(memory)
      } (${id}) is recorded with ${name} ${recorded}, but QEMU has ${there}`,
      hint: plugAnew(facts, memory),
    }]
  );
}

/** What a start gives the guest of a virtio-mem device. */
function requested(facts: WholeFacts, memory: RecordedMemory): Difference[] {
  const { id } = memory.hvinfo;
  const live = liveMemory(facts.qemu, id);
  const there = live?.requestedBytes;
  const { requestedBytes } = memory;
  if (live?.driver !== "virtio-mem-pci" || requestedBytes === undefined) {
    return [];
  }
  if (there === undefined || there === requestedBytes) return [];
  return [{
    code: "memory-size",
    device: nameOfEntry(memory),
    message: `${titleOf(memory)} (${id}) is recorded with ${
      typedSize(requestedBytes)
    }, but QEMU has ${typedSize(there)}`,
    hint: commandLine(facts.paths, "repair", facts.paths.name),
    mend: { word: "size", did: "recorded the size that QEMU has" },
    view: {},
  }];
}

/** Backends of ours that no memory uses. */
function orphans(facts: WholeFacts): Difference[] {
  return straysOfKind(facts, MEMORY).filter(({ has }) => has === "backend")
    .map(({ id }) => ({
      code: "orphan-memory",
      device: null,
      message: `QEMU has memory backend ${id}, but no device uses it`,
      hint: "repair removes it",
      mend: { word: "orphan-memory", subject: id, did: "removed it" },
    }));
}

function ofEntry(facts: WholeFacts, one: RecordedMemory): Difference[] {
  const absent = absentWords(facts, one);
  if (absent.length > 0) return absent;
  return [
    ...driverDifference(facts, one),
    ...slotDifference(facts, one),
    ...moved(facts, one),
    ...requested(facts, one),
  ];
}

/** The differences. */
export function memoryDifferences(facts: WholeFacts): Difference[] {
  return [
    ...recordedMemory(facts.content.runtime)
      .flatMap((one) => ofEntry(facts, one)),
    ...orphans(facts),
    ...lostWords(facts, MEMORY),
  ];
}
