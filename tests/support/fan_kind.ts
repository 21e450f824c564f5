/**
 * A kind of device that is in no list of the runtime file: fans, which QEMU
 * does not have. Each is two words of `kvm_cmd`. It shows what a kind has to
 * say, and that everything else takes it as it takes disks and NICs.
 *
 * @module
 */

import type { Plan } from "../../lib/engine/plan.ts";
import { refuse } from "../../lib/errors.ts";
import { deviceStep, planAddition } from "../../lib/plan/addition.ts";
import {
  absentWords,
  lostWords,
  noteWords,
  putWords,
  takeWords,
  type WordsDevice,
  wordsNote,
} from "../../lib/plan/command_words.ts";
import type { KindAdoption } from "../../lib/plan/adoption.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import { giveBackPlan } from "../../lib/plan/finding.ts";
import type {
  AnyRequest,
  Kind,
  KindChanges,
  KindName,
  OwnKind,
} from "../../lib/plan/kind.ts";
import { planRemoval } from "../../lib/plan/removal.ts";
import { entryView } from "../../lib/plan/view.ts";
import { fixedOptions } from "../../lib/state/fixed_command.ts";
import type { Runtime } from "../../lib/state/runtime.ts";
import { list, text, where } from "../../lib/state/value_check.ts";

const DRIVER = "usb-fan";
const ID = /^fan-[0-9]+$/;

/** What a start line has for a fan. */
export function fanWords(id: string): string[] {
  return ["-device", `${DRIVER},id=${id}`];
}

const FAN_NAME = {
  word: "fan",
  title: "fan",
  recorded: ({ kvmCmd }: Pick<Runtime, "kvmCmd">): readonly WordsDevice[] =>
    fixedOptions(kvmCmd, "device")
      .filter(({ type }) => type === DRIVER)
      .map(({ id = "", words }, index) => ({
        kind: "fan",
        index,
        hvinfo: { driver: DRIVER, id },
        words,
      })),
} as const satisfies KindName;

const FAN = {
  ...FAN_NAME,
  taken: "if-prepared",
  sits: "elsewhere",
  needs: { "fan-add": ["device_add"], "fan-remove": ["device_del"] },
  blank: { rpm: null },
  view: (fan, { qemu }) => ({
    kind: "fan",
    ...entryView(fan),
    rpm: Number(qemu?.more?.rpm ?? 0),
  }),
  strays: ({ drivers }, known) =>
    [...drivers].filter(([id, driver]) => driver === DRIVER && !known.has(id))
      .map(([id]) => ({ id, kind: "fan", has: "device", origin: "plugged" })),
  giveBack: () => [],
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;

/** A request about fans. */
export interface FanRequest extends AnyRequest {
  readonly kind: "fan-add" | "fan-remove";
  readonly device: string;
}

/** Plans to add a fan. */
export function planFanAdd(facts: Facts, id: string): Plan {
  const index = FAN.recorded(facts.content.runtime).length;
  const fan = { kind: "fan", index, hvinfo: { driver: DRIVER, id } };
  return planAddition(facts, {
    kind: FAN,
    change: putWords(id, fanWords(id)),
    view: FAN.view(fan, facts),
    before: [],
    plug: deviceStep({ driver: DRIVER, id }),
    after: [noteWords(facts, FAN, { id, words: fanWords(id) })],
    warnings: [],
  });
}

/** Plans to remove a fan. */
export function planFanRemove(facts: Facts, device: string): Plan {
  return planRemoval(facts, {
    kind: FAN,
    needs: FAN.needs["fan-remove"],
    entries: FAN.recorded(facts.content.runtime),
    word: device,
    isExact: (one) => ID.test(one),
    change: takeWords,
    backend: () => [],
    unrecorded: "forced",
    strayBackend: () => [],
  });
}

/** What QEMU has of fans. */
export function fanAdoption(live: readonly string[]): KindAdoption {
  return {
    live: live.map((id) => ({ id })),
    judge: ({ recorded }) =>
      live.map((id) =>
        recorded.some(({ hvinfo }) => hvinfo.id === id) ? undefined : {
          kind: "fan",
          id,
          change: putWords(id, fanWords(id)),
          warnings: [],
        }
      ),
    steps: (facts, adopted) =>
      adopted.flatMap(({ kind, id }) =>
        kind === "fan" ? noteWords(facts, FAN, { id, words: fanWords(id) }) : []
      ),
    startNames: () => ({}),
    hvparams: () => ({}),
  };
}

const FAN_CHANGES: KindChanges<FanRequest> = {
  prepare: ({ kind, device }) => (facts) =>
    (kind === "fan-add" ? planFanAdd : planFanRemove)(facts, device),
  steps: [],
  isWords: where(
    list(text(/^[a-z0-9=,-]+$/)),
    ([option, value]) =>
      option === "-device" && value?.startsWith(`${DRIVER},`) === true,
  ),
  adopt: ({ qemu }) =>
    Promise.resolve(
      fanAdoption(FAN.strays(qemu, new Set()).map(({ id }) => id)),
    ),
  mend(facts, { device, mend }) {
    return mend?.word === "give-back"
      ? giveBackPlan(facts, mend.subject ?? "", FAN)
      : planFanRemove(facts, device?.id ?? "");
  },
  finish: (instance, device) => ({ kind: "fan-remove", instance, device }),
};

/** The kind, as lib/kinds.ts would load it. */
export const FAN_KIND: Kind<FanRequest> = {
  ...FAN,
  record: wordsNote("fan"),
  requirements: () =>
    Promise.resolve([{
      name: "fan-header",
      at: "after-place",
      refuse() {
        throw refuse("The VM has no header for a fan");
      },
      state: () => "free",
    }]),
  compare: (facts) =>
    Promise.resolve([
      ...FAN.recorded(facts.content.runtime)
        .flatMap((one) => absentWords(facts, one)),
      ...lostWords(facts, FAN),
    ]),
  changes: () => Promise.resolve(FAN_CHANGES),
};
