/**
 * Processors as a runtime file records them: words `-device` of `kvm_cmd`. Pure.
 *
 * @module
 */

import { fixedOptions } from "../state/fixed_command.ts";
import { optionText } from "../state/option_text.ts";
import type { WordsDevice } from "../plan/command_words.ts";
import type { Runtime } from "../state/runtime.ts";
import { type Check, QEMU_ID, where } from "../state/value_check.ts";
import type { Place, Props } from "./places.ts";

/** A recorded processor. */
export interface RecordedVcpu extends WordsDevice {
  readonly kind: "vcpu";
  readonly hvinfo: { readonly driver: string; readonly id: string };
  readonly props: Props;
}

/** QEMU's drivers of processors: `qemu64-x86_64-cpu`. */
export const DRIVER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,59}-cpu$/;

function propsIn(properties: ReadonlyMap<string, string>): Props {
  return Object.fromEntries(
    [...properties].flatMap(([key, value]) =>
      key.endsWith("-id") && /^\d{1,9}$/.test(value)
        ? [[key, Number(value)]]
        : []
    ),
  );
}

/** The processors in these words; those without an id are as fixed as `-smp`. */
function vcpusOf(words: readonly string[]): RecordedVcpu[] {
  return fixedOptions(words, "device").flatMap((one) => {
    const { type: driver, id, properties, words } = one;
    if (!DRIVER.test(driver) || id === undefined || !QEMU_ID.test(id)) {
      return [];
    }
    return [{ hvinfo: { driver, id }, props: propsIn(properties), words }];
  }).map((one, index) => ({ kind: "vcpu", index, ...one }));
}

/** All that a file records. */
export function recordedVcpus(
  { kvmCmd }: Pick<Runtime, "kvmCmd">,
): readonly RecordedVcpu[] {
  return vcpusOf(kvmCmd);
}

/** Whether these words record processors, and nothing else. */
export const isVcpuWords: Check<readonly string[]> = where(
  (value): value is readonly string[] =>
    Array.isArray(value) && value.every((one) => typeof one === "string"),
  // The program, which stands first, is no option.
  (words) => vcpusOf(words).length * 2 === words.length,
  "options -device of processors",
);

/** What `device_add` and a start are given. */
export function vcpuArguments(id: string, { driver, props }: Place) {
  return { driver, id, ...props };
}

/** The words that record a processor. */
export function vcpuWords(id: string, place: Place): readonly string[] {
  return ["-device", optionText(vcpuArguments(id, place), "driver")];
}
