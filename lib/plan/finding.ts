/**
 * The result of a repair of an instance.
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

/** The common parts of all plans of repair. */
export function repairPlan(
  instance: string,
  title: string,
  what: Pick<PlanDraft, "kinds" | "steps" | "turn">,
): Plan {
  const about = { action: "mend", instance, title, device: null } as const;
  return planOf({ ...about, ...what, ifCut: "finish" });
}

/** Undoes the changes that were made for a device, and forgets it. */
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

/** A thing that was repaired. */
export type Repaired = Told<typeof REPAIRED>;

/** The result of a repair. */
export interface RepairOutcome {
  /** As in the request. */
  readonly instance: string;
  /** In the order of the repairs. */
  readonly repaired: readonly Repaired[];
  /** None if file, QEMU and node agree. */
  readonly remaining: readonly Remark[];
  /** Removals that wait for the guest; they are not faults. */
  readonly pending: readonly Remark[];
  /** Whether QEMU was compared, too. */
  readonly qemu: "runs" | "down";
  /** Only for a dry run: the steps that would be done. */
  readonly plan?: readonly StepDescription[] | undefined;
}
