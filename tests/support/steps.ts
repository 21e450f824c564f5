/**
 * Plans and steps as the tests look into them: typed by their kinds, checked
 * as if they came from a journal.
 *
 * @module
 */

import { checkPlan } from "../../lib/engine/journal_read.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import type { Step, StepDescription } from "../../lib/engine/verbs.ts";
import type { StepKind, StepTable } from "../../lib/engine/world.ts";
import type { AnyStep } from "../../lib/kinds.ts";
import { loadSteps } from "../../lib/operation/journal_reader.ts";
import type { Row } from "../../lib/plan/kind.ts";
import { parseExact } from "../../lib/qmp/exact_json.ts";
import type { Json } from "../../lib/qmp/message.ts";
import type { InstancePaths } from "../../lib/state/instance.ts";

/** A plan whose steps are typed by their kinds. */
export type KnownPlan = Omit<Plan, "steps"> & {
  readonly steps: readonly AnyStep[];
};

/** All kinds of steps. */
export const STEPS: StepTable = await loadSteps(undefined);

/** By the words of the kinds that a plan can name. */
const TABLES: ReadonlyMap<string, StepTable> = new Map(
  await Promise.all(
    [[], ["disk"], ["nic"], ["disk", "nic"]].map(async (words) =>
      [words.join(), await loadSteps(words)] as const
    ),
  ),
);

/** The steps of plans that name exactly these kinds. */
export function stepsFor(kinds: readonly string[]): StepTable {
  const table = TABLES.get([...kinds].sort().join());
  if (table === undefined) throw new Error(`no such kinds: ${kinds}`);
  return table;
}

/** All that can be done with a step. */
export function kindOf(step: Step): StepKind {
  return STEPS.of(step);
}

/** What a person is shown of a step. */
export function describe(step: Step): StepDescription {
  return kindOf(step).describe(step);
}

/** What a request came to, which is no row of operations. */
export function onePlan(decided: Plan | Row): Plan {
  if ("parts" in decided) throw new Error("a row of operations");
  return decided;
}

/**
 * The same plan, typed. It must be plain JSON that a journal's reader takes:
 * a step that is refused there could not be recovered.
 *
 * @throws {Error} it is not, or lacks the word of a kind whose steps it has
 */
export function known(plan: Plan, paths: InstancePaths): KnownPlan {
  const text = JSON.stringify(plan);
  const table = stepsFor(plan.kinds);
  return checkPlan(parseExact(text) as Json, paths, table) as KnownPlan;
}
