/**
 * The common parts of kinds with devices that are words of `kvm_cmd`: the
 * change of the runtime file, the note in the tool's own record, differences
 * and their repair. Pure.
 *
 * @module
 */

import { toNote } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { Plan } from "../engine/plan.ts";
import { type Remark, remark, type ToldDevice, toldOf } from "../errors.ts";
import { commandLine } from "../state/instance.ts";
import { noteOn, pendingRemoval } from "../state/own_check.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import { LINE, list, openObject, text, word } from "../state/value_check.ts";
import { absentDifference } from "./compare_entry.ts";
import { lostDifference } from "./compare_own.ts";
import type { Difference, WholeFacts } from "./difference.ts";
import type { Facts } from "./facts.ts";
import { repairPlan } from "./finding.ts";
import type { KindName } from "./kind.ts";
import { isPending } from "./recorded.ts";
import { stateSteps } from "./steps.ts";

/** A recorded device that is words of `kvm_cmd`. */
export interface WordsDevice extends RecordedDevice {
  readonly hvinfo: RecordedDevice["hvinfo"] & { readonly id: string };
  /** Its options with their values, to the letter. */
  readonly words: readonly string[];
}

/** The check of the note about one device of a kind. */
export function wordsNote<const K extends string>(kind: K) {
  return openObject({ kind: word(kind) }, {
    words: list(text(LINE)),
    pending: pendingRemoval,
  });
}

/** The change of the runtime file that adds the words of a new device. */
export function putWords(id: string, put: readonly string[]): RuntimeChange {
  return { change: "words", words: { title: id, put } };
}

/** The change that removes the words of a device. */
export function takeWords(
  { id, entry: { words: take } }: {
    readonly id: string;
    readonly entry: Pick<WordsDevice, "words">;
  },
): RuntimeChange {
  return { change: "words", words: { title: id, take } };
}

/** The step that notes words as added by this tool. */
export function noteWords(
  { own, qemu }: Pick<Facts, "own" | "qemu">,
  { word: kind }: Pick<KindName, "word">,
  { id, words }: { readonly id: string; readonly words: readonly string[] },
): OwnRecordStep {
  const { place, qemu: whom, record } = toNote(own, qemu.process);
  const before = noteOn(record, id) ?? null;
  const change = { uuid: id, before, after: { kind, words } };
  return { kind: "own-record", place, qemu: whom, change };
}

/** The steps that record other words for a device. */
export function replaceWords(
  facts: Facts,
  kind: Pick<KindName, "word">,
  { device, put }: {
    readonly device: WordsDevice;
    readonly put: readonly string[];
  },
) {
  const { words: take, hvinfo: { id } } = device;
  const words = { title: id, take, put };
  return {
    ...stateSteps(facts, { change: "words", words }),
    note: noteWords(facts, kind, { id, words: put }),
  };
}

/** The repair that records other words for a device. */
export function rewriteWords(
  facts: WholeFacts,
  kind: Pick<KindName, "word">,
  { title, ...what }: {
    readonly device: WordsDevice;
    readonly put: readonly string[];
    /** What they say, for messages. */
    readonly title: string;
  },
): Plan {
  const { stage, note, commit } = replaceWords(facts, kind, what);
  return repairPlan(facts.paths.name, title, {
    kinds: [kind.word],
    steps: [stage, note, commit],
  });
}

/** Whether this tool has added the words of a device. */
function isOurs(
  { own }: Pick<Facts, "own">,
  { hvinfo: { id }, words }: WordsDevice,
): boolean {
  const noted = noteOn(own.record, id)?.words;
  return JSON.stringify(noted) === JSON.stringify(words);
}

/**
 * The difference of words without a device in QEMU: a start would make the
 * device. `repair` removes words that this tool has added. It also finishes a
 * removal that the guest has completed.
 */
export function absentWords(
  facts: WholeFacts,
  device: WordsDevice,
): Difference[] {
  const found = absentDifference(facts, device);
  if (found === undefined) return [];
  if (isPending(facts.own.record, device)) return [found];
  const { mend: _, ...told } = found;
  if (isOurs(facts, device)) {
    const did = "removed its words from the runtime file (kvm_cmd)";
    return [{ ...told, mend: { word: "remove", did } }];
  }
  const { paths: { name }, paths } = facts;
  const { kind, hvinfo: { id } } = device;
  const remove = commandLine(paths, kind, "remove", name, id);
  const hint = `to remove its words from the runtime file, run: ${remove}`;
  return [{ ...told, hint }];
}

/** Notes of a kind about devices that neither the file nor QEMU has. */
export function lostWords(
  { own, qemu, recorded }: WholeFacts,
  { word }: Pick<KindName, "word">,
): Difference[] {
  const known = new Set([
    ...qemu.deviceIds,
    ...recorded.map(({ hvinfo }) => hvinfo.id),
  ]);
  return Object.entries(own.record.devices)
    .filter(([key, { kind }]) => kind === word && !known.has(key))
    .map(([key]) => lostDifference(key));
}

const PRESENT = "guest-brings-online";

/**
 * The remark about a new device: QEMU knows only that the guest has been told.
 *
 * @param online the command for a Linux guest
 */
export function presentRemark(device: ToldDevice, online: string): Remark {
  return remark(
    PRESENT,
    `${device.id} is present; the guest brings it online`,
    {
      hint: `if the guest does not, run as root in a Linux guest: ${online}`,
      device: toldOf(device),
    },
  );
}

/** The remarks of a row: one for all new devices, then the others. */
export function rowRemarks(remarks: readonly Remark[]): readonly Remark[] {
  const { true: all = [], false: others = [] } = Object.groupBy(
    remarks,
    ({ code }) => `${code === PRESENT}` as const,
  );
  const [first, ...more] = all;
  if (first === undefined || more.length === 0) return remarks;
  const [from, to] = [first, more.at(-1)].map((one) => one?.device?.id);
  const which = all.length === 2
    ? `${from} and ${to}`
    : `${all.length} devices (${from} to ${to})`;
  const message = `${which} are present; the guest brings them online`;
  return [{ ...first, message, device: null }, ...others];
}
