/**
 * What must hold before a guest is given memory: the VM must be started with
 * room for it, and with memory of a form that is understood. Pure.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { KindRule } from "../plan/kind.ts";
import { acpiRules } from "../plan/requirements.ts";
import { fixedOptions, optionValues } from "../state/fixed_command.ts";
import { typedSize } from "../words/text.ts";
import { type MachineMemory, memoryOf } from "./live.ts";
import {
  chooseAddr,
  chooseDimmSlot,
  freeBytes,
  maxmemOption,
  type Placed,
  slotsOption,
} from "./place.ts";
import { BACKEND, BACKEND_TYPE, isPlain, recordedMemory } from "./recorded.ts";
import { BLOCK_BYTES } from "./size.ts";

/** What has its place in QEMU, and what the file alone gives one. */
export function placedIn(
  { qemu, content }: Pick<Facts, "qemu" | "content">,
): Placed[] {
  const { devices } = memoryOf(qemu);
  const live = new Set(devices.map(({ id }) => id));
  return [
    ...devices,
    ...recordedMemory(content.runtime).flatMap((one): Placed[] => {
      const { addr, spanBytes, dimmSlot: slot, hvinfo } = one;
      const isElsewhere = live.has(hvinfo.id) || addr === undefined ||
        spanBytes === undefined;
      return isElsewhere ? [] : [{ slot, addr, spanBytes }];
    }),
  ];
}

/** Why the VM's own memory is of a form that is not understood. */
function otherForm(words: readonly string[]): string | undefined {
  if (optionValues(words, "-numa").length > 0) return "NUMA nodes (-numa)";
  if (optionValues(words, "-mem-path").length > 0) {
    return "memory in files (-mem-path), such as huge pages";
  }
  const named = ["-machine", "-M"].flatMap((option) =>
    optionValues(words, option)
  ).map((value) => /(?:^|,)memory-backend=([^,]+)/.exec(value)?.[1])
    .findLast((one) => one !== undefined);
  if (named === undefined) return undefined;
  const backend = fixedOptions(words, "object").find(({ id }) => id === named);
  return backend?.type === BACKEND_TYPE && isPlain(backend, BACKEND)
    ? undefined
    : `memory backend ${named} with properties that are not understood`;
}

function refuseForm({ qemu, content }: Facts): void {
  const form = otherForm(qemu.process?.argv ?? []) ??
    otherForm(content.runtime.kvmCmd);
  if (form === undefined) return;
  throw unsupported(
    `The VM has ${form}: memory is added only to a VM with plain memory`,
  );
}

/**
 * The memory that the VM was started with.
 *
 * @throws {HotplugError} `unsupported` if QEMU does not tell it
 */
export function expectMachine({ qemu }: Pick<Facts, "qemu">): MachineMemory {
  const { machine } = memoryOf(qemu);
  if (machine !== undefined) return machine;
  throw unsupported(
    "This QEMU does not tell how much memory the VM can have",
    "QEMU 7.1 or newer tells it",
  );
}

/** The rules for the VM as a whole, for each kind of memory device. */
export function generalRules(facts: Facts): KindRule[] {
  return [
    ...acpiRules(facts, { kind: "memory", what: "memory" }),
    {
      name: "memory-form",
      at: "before-place",
      refuse: () => refuseForm(facts),
      state: () => "plain",
    },
  ];
}

/** The rules for the room of a DIMM of the smallest size. */
function roomRules(facts: Facts): KindRule[] {
  const placed = placedIn(facts);
  const at = "before-place";
  const { machine } = memoryOf(facts.qemu);
  return [
    {
      name: "memory-slots",
      at,
      refuse: () => void chooseDimmSlot(expectMachine(facts), placed),
      state: () => {
        const taken = placed.filter(({ slot }) => slot !== undefined).length;
        return `${taken} of ${expectMachine(facts).slots} are taken`;
      },
      start: machine === undefined ? [] : [slotsOption(machine)],
    },
    {
      name: "maxmem",
      at,
      refuse: () => void chooseAddr(expectMachine(facts), placed, BLOCK_BYTES),
      state: () => {
        const all = expectMachine(facts);
        const free = Math.max(freeBytes(all, placed), 0);
        return `${typedSize(all.maxBytes)}, ${typedSize(free)} is free`;
      },
      start: machine === undefined ? [] : [maxmemOption(machine)],
    },
  ];
}

/** All of them, in the order in which an addition of a DIMM asks. */
export function memoryRules(facts: Facts): KindRule[] {
  return [...generalRules(facts), ...roomRules(facts)];
}
