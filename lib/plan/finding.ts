/**
 * What putting an instance in order comes to.
 *
 * @module
 */

import type { Remark } from "../errors.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { InstancePaths } from "../state/instance.ts";
import { forgetSteps } from "./give_back.ts";
import type { Kind, KindName } from "./kind.ts";
import { type Plan, type PlanDraft, planOf } from "../engine/plan.ts";
import type { StepDescription } from "../engine/verbs.ts";
import type { Told } from "../words/json_schema.ts";
import type { REPAIRED } from "./view_schema.ts";

/** What all plans of repair have in common. */
export function repairPlan(
  instance: string,
  title: string,
  what: Pick<PlanDraft, "kinds" | "steps" | "turn">,
): Plan {
  const about = { action: "mend", instance, title, device: null } as const;
  return planOf({ ...about, ...what, ifCut: "finish" });
}

/** Gives back what had been changed for one of them, and forgets it. */
export function giveBackPlan(
  { paths, own }: { readonly paths: InstancePaths; readonly own: OwnFacts },
  uuid: string,
  { word, giveBack }: KindName & Pick<Kind, "giveBack">,
): Plan {
  return repairPlan(paths.name, `the record of ${uuid}`, {
    kinds: [word],
    steps: [...giveBack(own, uuid), ...forgetSteps(own, uuid)],
  });
}

/** Something that was put in order. */
export type Repaired = Told<typeof REPAIRED>;

/** What putting an instance in order came to. */
export interface RepairOutcome {
  /** As in the request. */
  readonly instance: string;
  /** In the order it was done. */
  readonly repaired: readonly Repaired[];
  /** File, QEMU and node agree if there is none. */
  readonly remaining: readonly Remark[];
  /** Removals that wait for the guest; they are in order. */
  readonly pending: readonly Remark[];
  /** Whether QEMU was compared, too. */
  readonly qemu: "runs" | "down";
  /** Of a dry run: what would be done. */
  readonly plan?: readonly StepDescription[] | undefined;
}
