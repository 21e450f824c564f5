/**
 * Which kinds of steps the plans of some kinds of devices may have, for who
 * applies them and for who reads a journal.
 *
 * @module
 */

import type { JournalReader } from "../engine/journal_version1.ts";
import { ENGINE_STEPS } from "../engine/steps.ts";
import { StepTable } from "../engine/world.ts";
import { kindOfList, loadWholeKinds } from "../kinds.ts";
import type { WholeKind } from "../plan/kind.ts";
import { either } from "../state/value_check.ts";

/** The steps that plans of these kinds may have. */
export function stepsOf(
  kinds: readonly Pick<WholeKind, "steps" | "isWords" | "record">[],
): StepTable {
  return new StepTable(
    [...ENGINE_STEPS, ...kinds.flatMap(({ steps }) => steps)],
    {
      isWords: either(...kinds.flatMap(({ isWords = [] }) => isWords)),
      isNote: either(...kinds.map(({ record }) => record)),
    },
  );
}

/** Makes what reads a journal: {@linkcode LoadReader}. */
export async function loadReader(
  words: readonly string[] | undefined,
): Promise<JournalReader> {
  return { steps: stepsOf(await loadWholeKinds(words)), kindOf: kindOfList };
}
