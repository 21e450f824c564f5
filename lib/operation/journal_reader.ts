/**
 * The kinds of steps in the plans of some kinds of devices, for applying them
 * and for reading a journal.
 *
 * @module
 */

import { PlanCommands } from "../device/plan_commands.ts";
import { ENGINE_STEPS } from "../engine/steps.ts";
import { StepTable } from "../engine/world.ts";
import { loadWholeKinds } from "../kinds.ts";
import type { WholeKind } from "../plan/kind.ts";
import { either } from "../state/value_check.ts";

/** The steps that plans of these kinds may have. */
export function stepsOf(
  kinds: readonly Pick<
    WholeKind,
    "steps" | "isWords" | "record" | "commands"
  >[],
): StepTable {
  return new StepTable(
    [...ENGINE_STEPS, ...kinds.flatMap(({ steps }) => steps)],
    {
      isWords: either(...kinds.flatMap(({ isWords = [] }) => isWords)),
      isNote: either(...kinds.map(({ record }) => record)),
      commands: new PlanCommands(
        kinds.flatMap(({ commands }) =>
          commands === undefined ? [] : [commands]
        ),
      ),
    },
  );
}

/** The steps that a journal's plan may have: {@linkcode LoadSteps}. */
export async function loadSteps(
  words: readonly string[] | undefined,
): Promise<StepTable> {
  return stepsOf(await loadWholeKinds(words));
}
