/**
 * Steps on the runtime file.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { changeTitle, holdsChange, isChange } from "../state/change.ts";
import { parseJson } from "../state/json.ts";
import { isStagedName } from "../state/leftover.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import type { FirstRuntime } from "../state/runtime_create.ts";
import {
  commitRuntime,
  discardStaged,
  isStaged,
  type StagedChange,
  stageRuntime,
} from "../state/runtime_file.ts";
import { accepted, anything, object, word } from "../state/value_check.ts";
import {
  type CheckContext,
  type Effect,
  ON_NODE,
  type Step,
  type Value,
} from "./verbs.ts";
import { defineStep, type StepKind } from "./world.ts";

/** Writes and syncs the new runtime file beside the old one. */
export interface StageStateStep extends StagedChange {
  /** {@linkcode STAGE_STATE_STEP}. */
  readonly kind: "stage-state";
}

/** Puts the staged runtime file in the old one's place. */
export interface CommitStateStep extends StagedChange {
  /** {@linkcode COMMIT_STATE_STEP}. */
  readonly kind: "commit-state";
  /** The change that takes it back. */
  readonly inverse: RuntimeChange;
}

/** Makes a runtime file where there is none. */
export interface CreateStateStep extends FirstRuntime {
  /** {@linkcode CREATE_STATE_STEP}. */
  readonly kind: "create-state";
}

/** Whether a step writes the new runtime file beside the old one. */
export function isStage(step: Step): step is StageStateStep {
  return step.kind === "stage-state";
}

/** Whether a step puts the new runtime file in the old one's place. */
export function isCommit(step: Step): step is CommitStateStep {
  return step.kind === "commit-state";
}

/** The step that must come before a commit. */
export function stageOf(
  { path, temporary, change }: CommitStateStep,
): StageStateStep {
  return { kind: "stage-state", path, temporary, change };
}

/** What the steps on one runtime file have. */
function made({ paths }: CheckContext) {
  return {
    kind: anything,
    path: word(paths.runtime),
    temporary: (value: unknown) => isStagedName(value, paths),
  };
}

/** The text that a staged change is based on. */
function basisOf(step: StageStateStep | CommitStateStep): Value {
  return { name: `basis of ${step.temporary}` };
}

/** The step that prepares a change of the runtime file. */
export const STAGE_STATE_STEP: StepKind = defineStep<StageStateStep>({
  kind: "stage-state",
  check: (context) =>
    object({
      ...made(context),
      change: (value) => isChange(value, context.isWords),
    }),
  traits: () => ({ ...ON_NODE, failing: "as-it-was" }),
  async do(step, world) {
    const basis = await Promise.resolve(stageRuntime(step));
    world.values.set(basisOf(step), basis);
  },
  async undo(step) {
    await Promise.resolve(discardStaged(step));
  },
  // A file without the text it is based on cannot be committed.
  confirm: (step, world) =>
    Promise.resolve(
      world.values.has(basisOf(step)) && isStaged(step) ? "done" : "not-done",
    ),
  describe: (step) => ({
    step: `write ${changeTitle(step.change)} beside the runtime file`,
    qmp: null,
    host: `write and fsync ${step.temporary} beside ${step.path}`,
    undo: `remove ${step.temporary}`,
  }),
});

function effectOf(step: CommitStateStep): Effect {
  return holdsChange(step.path, step.change) ? "done" : "not-done";
}

/** A file that cannot be read is not the one we wrote. */
function isOurs(step: CommitStateStep): boolean {
  try {
    return effectOf(step) === "done";
  } catch (error) {
    if (error instanceof HotplugError) return false;
    throw error;
  }
}

/** The step that records a change. */
export const COMMIT_STATE_STEP: StepKind = defineStep<CommitStateStep>({
  kind: "commit-state",
  check: (context) =>
    object({
      ...made(context),
      change: (value) => isChange(value, context.isWords),
      inverse: (value) => isChange(value, context.isWords),
    }),
  traits: () => ({ ...ON_NODE, without: "void-after-restart" }),
  async do(step, world) {
    const basis = world.value(basisOf(step));
    await Promise.resolve(commitRuntime(step, basis));
  },
  async undo(step) {
    if (!isOurs(step)) return;
    const back = { ...step, change: step.inverse };
    await Promise.resolve(commitRuntime(back, stageRuntime(back)));
  },
  confirm: (step) => Promise.resolve(effectOf(step)),
  describe: (step) => ({
    step: `record ${changeTitle(step.change)} in the runtime file`,
    qmp: null,
    host: `rename ${step.temporary} to ${step.path}, fsync the directory`,
    undo: "put the entry back as it was",
  }),
});

/** Only `adopt` has such a step: the rest is loaded when one runs. */
const files = () => import("../state/runtime_create.ts");

const jsonText = accepted((one) => parseJson(String(one)));

/** The step that makes a first runtime file. */
export const CREATE_STATE_STEP: StepKind = defineStep<CreateStateStep>({
  kind: "create-state",
  check: (context) => object({ ...made(context), text: jsonText }),
  traits: () => ON_NODE,
  async do(step) {
    (await files()).createRuntime(step);
  },
  async undo(step) {
    (await files()).removeCreated(step);
  },
  async confirm(step) {
    return (await files()).isAsCreated(step) ? "done" : "not-done";
  },
  describe: ({ path }) => ({
    step: "make the runtime file",
    qmp: null,
    host: `write and fsync ${path}, mode 0600`,
    undo: "remove it",
  }),
});
