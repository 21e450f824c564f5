/**
 * What the tool's own record has of memory: which words of `kvm_cmd` it put
 * there. Pure.
 *
 * @module
 */

import { toNote } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { Facts } from "../plan/facts.ts";
import { noteOn, pendingRemoval } from "../state/own_check.ts";
import { LINE, list, openObject, text, word } from "../state/value_check.ts";
import type { RecordedMemory } from "./recorded.ts";

/** What is noted of memory. */
export const memoryNote = openObject({ kind: word("memory") }, {
  words: list(text(LINE)),
  pending: pendingRemoval,
});

/** The step that notes the words of memory as put there by the tool. */
export function noteStep(
  { own, qemu }: Pick<Facts, "own" | "qemu">,
  id: string,
  words: readonly string[],
): OwnRecordStep {
  const { place, qemu: whom, record } = toNote(own, qemu.process);
  const before = noteOn(record, id) ?? null;
  const after = { kind: "memory", words };
  const change = { uuid: id, before, after };
  return { kind: "own-record", place, qemu: whom, change };
}

/** Whether the tool has put these words into `kvm_cmd`. */
export function isOurs(
  { own }: Pick<Facts, "own">,
  { hvinfo: { id }, words }: RecordedMemory,
): boolean {
  return JSON.stringify(noteOn(own.record, id)?.words) ===
    JSON.stringify(words);
}
