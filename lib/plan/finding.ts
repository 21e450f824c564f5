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
import { type Decision, type Plan, planOf } from "../engine/plan.ts";
import type { Step, StepDescription } from "../engine/verbs.ts";

/** The plan of a decision; undefined if there is nothing to do. */
export function planOfDecision(decision: Decision): Plan | undefined {
  return decision.kind === "plan" ? decision.plan : undefined;
}

/** What all plans of repair have in common. */
export function repairPlan(
  instance: string,
  title: string,
  { kinds = [], steps, turn }: {
    /** Words of the kinds that bring the steps. @default none */
    readonly kinds?: readonly string[];
    readonly steps: readonly Step[];
    readonly turn?: Step;
  },
): Plan {
  return planOf({
    action: "mend",
    instance,
    title,
    device: null,
    kinds,
    steps,
    turn,
    ifCut: "finish",
    warnings: [],
  });
}

/** Gives back what had been changed for one of them, and forgets it. */
export function giveBackPlan(
  { paths, own }: { readonly paths: InstancePaths; readonly own: OwnFacts },
  uuid: string,
  { word, giveBack }: KindName & Pick<Kind, "giveBack">,
): Plan {
  return repairPlan(paths.name, `what is noted of ${uuid}`, {
    kinds: [word],
    steps: [...giveBack(own, uuid), ...forgetSteps(own, uuid)],
  });
}

/** Something that was put in order. */
export interface Repaired {
  readonly what: string;
  readonly did: string;
}

/** What putting an instance in order came to. */
export interface RepairOutcome {
  /** As in the request. */
  readonly instance: string;
  /** In the order it was done. */
  readonly repaired: readonly Repaired[];
  /** File, QEMU and node agree if there is none. */
  readonly remaining: readonly Remark[];
  /** Removals that wait for the guest; they are in order. */
  readonly pending: readonly string[];
  /** Whether QEMU was compared, too. */
  readonly qemu: "runs" | "down";
  /** Of a dry run: what would be done. */
  readonly plan?: readonly StepDescription[] | undefined;
}
