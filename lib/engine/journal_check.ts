/**
 * A plan read back from a journal, checked word by word as if it came from the
 * command line. Each kind of step brings its own check; what is refused here is
 * not done.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";
import type { InstancePaths } from "../state/instance.ts";
import {
  type Check,
  dictionary,
  LINE,
  orNull,
  text,
  word,
} from "../state/value_check.ts";
import type { Plan } from "./plan.ts";
import type { Step } from "./verbs.ts";
import type { StepTable } from "./world.ts";

/** What is wrong with a journal. */
export class Fault extends Error {}

/** What is wrong with a step, undefined if it is one of ours. */
export function stepFault(
  step: unknown,
  paths: InstancePaths,
  table: StepTable,
): string | undefined {
  if (!isJson(step)) return "a step must be an object";
  const kind = table.find(String(step.kind));
  if (kind === undefined) return `no kind of step: ${step.kind}`;
  if (kind.check({ paths, ...table.checks })(step)) return undefined;
  return `step ${step.kind} is not one that a plan of this instance has`;
}

/** Only shown, never acted on. */
const DEVICE = orNull(dictionary(
  /^[a-z_]{1,32}$/,
  (one): one is unknown =>
    one === null || typeof one !== "object" ||
    dictionary(/^[a-z-]{1,32}$/, (inner) => typeof inner === "number")(one),
));
const ACTION = text(/^[a-z]{1,16}$/);
const COURSE = word("finish", "take-back");

/** Whether the mark is on a step that the guest takes part in. */
function isTurn(
  turn: unknown,
  steps: readonly Step[],
  table: StepTable,
): boolean {
  const turns = (step: Step) => table.of(step).traits(step).turn !== null;
  if (turn === null) return !steps.some(turns);
  const step = Number.isSafeInteger(turn) ? steps[Number(turn)] : undefined;
  return step !== undefined && turns(step);
}

const said: Readonly<Record<string, Check>> = {
  action: ACTION,
  title: text(LINE),
  device: DEVICE,
  warnings: Array.isArray,
  kinds: Array.isArray,
  ifCut: COURSE,
};

/**
 * A plan of today's form.
 *
 * @throws {Fault} if it is none of this instance
 */
export function checkPlan(
  plan: Json,
  paths: InstancePaths,
  table: StepTable,
): Plan {
  if (!Array.isArray(plan.steps)) throw new Fault("the plan has no steps");
  const fits = plan.instance === paths.name &&
    Object.entries(said).every(([key, check]) => check(plan[key]));
  if (!fits) throw new Fault(`the plan is none of ${paths.name}`);
  for (const step of plan.steps) {
    const fault = stepFault(step, paths, table);
    if (fault !== undefined) throw new Fault(fault);
  }
  const checked = plan as unknown as Plan;
  if (isTurn(plan.turn, checked.steps, table)) return checked;
  throw new Fault("the plan does not say where the guest takes part");
}
