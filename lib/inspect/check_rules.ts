/**
 * All requirements of a hotplug, in the list of `check`. Pure: the same rules
 * as in the plans, in the order in which an addition checks them.
 *
 * @module
 */

import { freeSlots as freeOn } from "../device/bus_slot.ts";
import { chooseSlot } from "../device/choose_slot.ts";
import { usualBuses } from "../device/pci_bus.ts";
import { HotplugError } from "../errors.ts";
import { slotFacts } from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import type { Kind, KindName, KindRule, StartOption } from "../plan/kind.ts";
import {
  MACHINE_RULES,
  refuseMissingCommands,
  type Rule,
  STATE_RULES,
} from "../plan/requirements.ts";
import type { Told } from "../words/json_schema.ts";
import { kvmExtra } from "../plan/kvm_extra.ts";
import type { REQUIREMENT } from "./check_schema.ts";

/** One requirement, and whether it is met. */
export type Requirement = Told<typeof REQUIREMENT>;

/** A rule about some kinds of devices, with its facts. */
interface CheckRule {
  readonly name: string;
  readonly for: readonly string[];
  refuse(): void;
  state(): string;
  readonly start?: readonly StartOption[];
}

/** A kind, and its further requirements. */
export interface CheckedKind {
  readonly kind: KindName & Pick<Kind, "needs" | "taken" | "sits">;
  /** {@linkcode Kind.requirements}. */
  readonly rules: readonly KindRule[];
}

function wordsOf(kinds: readonly CheckedKind[]): string[] {
  return kinds.map(({ kind }) => kind.word);
}

/**
 * The other commands that the first operation of a kind with this command
 * needs.
 */
function neededWith({ needs }: CheckedKind["kind"], name: string) {
  return Object.values(needs).find((some) => some.includes(name)) ?? [];
}

/** Whether an addition needs a command: reasons for a refusal come first. */
function isForAddition({ word, needs }: CheckedKind["kind"], name: string) {
  return needs[`${word}-add`]?.includes(name) ?? false;
}

/**
 * A missing command refuses together with all commands that are missing for the
 * same devices. Commands of one kind of device come first, and so do the
 * reasons of an addition of that kind; commands that no addition needs come
 * last.
 */
function commandRules(
  { qemu }: Facts,
  checked: readonly CheckedKind[],
): CheckRule[] {
  const kinds = checked.map(({ kind }) => kind);
  const names = new Set(
    kinds.flatMap(({ needs }) => Object.values(needs)).flat(),
  );
  const usersOf = (name: string) =>
    kinds.filter((kind) => neededWith(kind, name).length > 0);
  const shared = [...names].filter((name) => usersOf(name).length > 1);
  const placeOf = (name: string) => {
    if (!kinds.some((kind) => isForAddition(kind, name))) return 2;
    return shared.includes(name) ? 1 : 0;
  };
  const rule = (name: string): CheckRule => ({
    name,
    for: usersOf(name).map(({ word }) => word),
    refuse: () => {
      if (qemu.commands.has(name)) return;
      const needed = usersOf(name).map((kind) => neededWith(kind, name));
      refuseMissingCommands(qemu, needed.length > 1 ? shared : needed.flat());
    },
    state: () => "the monitor has it",
  });
  return [...names].toSorted((a, b) => placeOf(a) - placeOf(b)).map(rule);
}

/** The kinds with devices on PCI. */
function onPci(kinds: readonly CheckedKind[]): CheckedKind[] {
  return kinds.filter(({ kind }) => kind.sits === "pci");
}

/**
 * Free slots by the name of the bus, for the usual buses of a kind of device.
 */
function freeByBus(facts: Facts, { word }: KindName): [string, number[]][] {
  const slots = slotFacts(facts);
  return usualBuses(slots.buses, word)
    .map((bus): [string, number[]] => [bus.name, freeOn(slots, bus)])
    .filter(([, free]) => free.length > 0);
}

/** The slots that a new device could get; for a port, its number. */
export function freeSlots(
  facts: Facts,
  kinds: readonly CheckedKind[],
): number[] {
  const slots = slotFacts(facts);
  const usual = onPci(kinds)
    .flatMap(({ kind: { word } }) => usualBuses(slots.buses, word));
  return [...new Set(usual)].flatMap((bus) =>
    freeOn(slots, bus).map((slot) => bus.number ?? slot)
  );
}

function stateOfSlots(facts: Facts, kind: KindName): string {
  const free = freeByBus(facts, kind);
  const [[bus, slots] = ["", []]] = free;
  if (free.length === 1 && slots.length > 1) return `${slots.length} on ${bus}`;
  return `${free.flatMap(([, some]) => some).length}: ${
    free.map(([name]) => name).join(" ")
  }`;
}

/** Kinds with the same usual places have one rule: SPEC 4.3. */
function placeRules(
  facts: Facts,
  kinds: readonly CheckedKind[],
): CheckRule[] {
  const groups = Map.groupBy(
    kinds,
    ({ kind }) => usualBuses(facts.qemu.buses, kind.word)[0],
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { kind } = first;
    return [{
      name: "free-slot",
      for: wordsOf(group),
      refuse: () => {
        chooseSlot(slotFacts(facts), kind.word);
      },
      state: () => stateOfSlots(facts, kind),
    }];
  });
}

/** A requirement, and the options that it wants of the next start. */
interface Judged {
  readonly requirement: Requirement;
  readonly start: readonly StartOption[];
}

function judge(
  { name, for: words, refuse, state, start = [] }: CheckRule,
): Judged {
  const about = { name, for: words };
  try {
    refuse();
    const met = { ok: true, detail: state(), hint: null, kvm_extra: null };
    return { requirement: { ...about, ...met }, start: [] };
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    const { message: detail, hint = null } = error;
    const missing = { ok: false, detail, hint, kvm_extra: kvmExtra(start) };
    return { requirement: { ...about, ...missing }, start };
  }
}

/** What `check` tells of all requirements. */
export interface Judgement {
  /** The first that is not met is what an `add` would say. */
  readonly requirements: readonly Requirement[];
  /** {@linkcode kvmExtra} of all that are not met. */
  readonly kvm_extra: string | null;
}

/**
 * Whether a VM is supported: devices that only a VM takes which was started for
 * them do not count.
 */
export function isSupported(
  requirements: readonly Requirement[],
  kinds: readonly CheckedKind[],
): boolean {
  const counts = new Set(
    kinds.filter(({ kind }) => kind.taken === "always")
      .map(({ kind }) => kind.word),
  );
  return requirements.every((one) =>
    one.ok || !one.for.some((word) => counts.has(word))
  );
}

/** Every requirement, and what a next start has to have for them. */
export function judgeAll(
  facts: Facts,
  kinds: readonly CheckedKind[],
): Judgement {
  const forThese = (these: readonly CheckedKind[]) =>
  (
    { name, refuse, state }: Rule,
  ): CheckRule => ({
    name,
    for: wordsOf(these),
    refuse: () => refuse(facts),
    state: () => state(facts),
  });
  const pci = onPci(kinds);
  const particular = (at: KindRule["at"]) =>
    kinds.flatMap(({ kind, rules }) =>
      rules.filter((one) => one.at === at)
        .map((one): CheckRule => ({ ...one, for: [kind.word] }))
    );
  const judged = [
    ...STATE_RULES.map(forThese(kinds)),
    ...commandRules(facts, kinds),
    ...particular("before-place"),
    ...MACHINE_RULES.map(forThese(pci)),
    ...placeRules(facts, pci),
    ...particular("after-place"),
  ].map(judge);
  return {
    requirements: judged.map(({ requirement }) => requirement),
    kvm_extra: kvmExtra(judged.flatMap(({ start }) => start)),
  };
}
