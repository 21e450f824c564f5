/**
 * Plans and steps as the tests look into them: typed by their kinds, checked
 * as if they came from a journal.
 *
 * @module
 */

import { checkPlan } from "../../lib/engine/journal_check.ts";
import type { JournalReader } from "../../lib/engine/journal_version1.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import type { Step, StepDescription } from "../../lib/engine/verbs.ts";
import type { StepKind, StepTable } from "../../lib/engine/world.ts";
import type { AnyStep } from "../../lib/kinds.ts";
import { loadReader } from "../../lib/operation/journal_reader.ts";
import type { InstancePaths } from "../../lib/state/instance.ts";

/** A plan whose steps are typed by their kinds. */
export type KnownPlan = Omit<Plan, "steps"> & {
  readonly steps: readonly AnyStep[];
};

/** Reads journals of plans for any kinds of devices. */
export const READER: JournalReader = await loadReader(undefined);

/** All kinds of steps. */
export const STEPS: StepTable = READER.steps;

/** By the words of the kinds that a plan can name. */
const READERS: ReadonlyMap<string, JournalReader> = new Map(
  await Promise.all(
    [[], ["disk"], ["nic"], ["disk", "nic"]].map(async (words) =>
      [words.join(), await loadReader(words)] as const
    ),
  ),
);

/** Reads journals of plans that name exactly these kinds. */
export function readerFor(kinds: readonly string[]): JournalReader {
  const reader = READERS.get([...kinds].sort().join());
  if (reader === undefined) throw new Error(`no such kinds: ${kinds}`);
  return reader;
}

/** All that can be done with a step. */
export function kindOf(step: Step): StepKind {
  return STEPS.of(step);
}

/** What a person is shown of a step. */
export function describe(step: Step): StepDescription {
  return kindOf(step).describe(step);
}

/**
 * The same plan, typed. It must be plain JSON that a journal's reader takes:
 * a step that is refused there could not be recovered.
 *
 * @throws {Error} it is not, or lacks the word of a kind whose steps it has
 */
export function known(plan: Plan, paths: InstancePaths): KnownPlan {
  const text = JSON.stringify(plan);
  const table = readerFor(plan.kinds).steps;
  return checkPlan(JSON.parse(text), paths, table) as KnownPlan;
}
