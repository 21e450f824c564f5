/**
 * Steps on the runtime file, and on files that operations left beside it.
 *
 * @module
 */

import { basename, dirname } from "@std/path/posix";
import { isFailure, orNone } from "../errors.ts";
import { isLeftover, isStagedName } from "../state/leftover.ts";
import {
  changeCheck,
  changeTitle,
  holdsChange,
  jsonText,
} from "../state/runtime_change.ts";
import {
  commitRuntime,
  createRuntime,
  discardStaged,
  isAsCreated,
  isStaged,
  readRuntimeFile,
  removeCreated,
  settleStaged,
  stageRuntime,
} from "../state/runtime_file.ts";
import { type Of, word } from "../state/value_check.ts";
import { unlessRefused } from "../sys/errno.ts";
import { openFile, statPath, unlink } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import {
  type CheckContext,
  ON_NODE,
  type Step,
  stepCheck,
  type Value,
} from "./verbs.ts";
import { defineStep } from "./world.ts";

/** The common members of steps on one runtime file. */
function madeIn({ paths }: CheckContext) {
  return {
    path: word(paths.runtime),
    temporary: (value: unknown) => isStagedName(value, paths),
  };
}

const checkStage = stepCheck("stage-state", (context) => ({
  ...madeIn(context),
  change: changeCheck(context.isWords),
}));

/** Writes and syncs the new runtime file beside the old one. */
export type StageStateStep = Of<typeof checkStage>;

const checkCommit = stepCheck("commit-state", (context) => ({
  ...madeIn(context),
  change: changeCheck(context.isWords),
  inverse: changeCheck(context.isWords),
}));

/** Puts the staged runtime file in place of the old one. */
export type CommitStateStep = Of<typeof checkCommit>;

const checkCreate = stepCheck("create-state", (context) => ({
  ...madeIn(context),
  text: jsonText,
}));

/** Whether a step writes the new runtime file beside the old one. */
export function isStage(step: Step): step is StageStateStep {
  return step.kind === "stage-state";
}

/** Whether a step puts the new runtime file in place of the old one. */
export function isCommit(step: Step): step is CommitStateStep {
  return step.kind === "commit-state";
}

/** The step that must come before a commit. */
export function stageOf(
  { path, temporary, change }: CommitStateStep,
): StageStateStep {
  return { kind: "stage-state", path, temporary, change };
}

/** The text that a staged change is based on. */
const BASIS: Value = { name: "basis of the staged file" };

/** The staged content itself. */
const STAGED: Value = { name: "content of the staged file" };

/** The step that prepares a change of the runtime file. */
export const STAGE_STATE_STEP = defineStep({
  check: checkStage,
  traits: () => ({ ...ON_NODE, failing: "as-it-was" }),
  do(step, world) {
    const { before, after } = stageRuntime(step);
    world.values.set(BASIS, before);
    world.values.set(STAGED, after);
  },
  undo: discardStaged,
  // A file cannot be committed without its base text.
  confirm: (step, world) => world.values.has(BASIS) && isStaged(step),
  describe: (step) => ({
    step: `write a new runtime file with ${changeTitle(step.change)}`,
    host: `write and fsync ${step.temporary} beside ${step.path}`,
    undo: `remove ${step.temporary}`,
  }),
});

function isCommitted({ path, change }: CommitStateStep): boolean {
  const runtime = readRuntimeFile(path)?.runtime;
  return runtime !== undefined && holdsChange(runtime, change);
}

/** A file that cannot be read is not our file. */
function isOurs(step: CommitStateStep): boolean {
  return orNone(() => isCommitted(step), isFailure) ?? false;
}

/** The step that records a change. */
export const COMMIT_STATE_STEP = defineStep({
  check: checkCommit,
  traits: () => ({ ...ON_NODE, without: "void-after-restart" }),
  do(step, world) {
    const [before, after] = [world.value(BASIS), world.value(STAGED)];
    commitRuntime(step, { before, after });
  },
  undo(step) {
    if (!isOurs(step)) return;
    settleStaged(step);
    const back = { ...step, change: step.inverse };
    commitRuntime(back, stageRuntime(back));
  },
  confirm: isCommitted,
  describe: (step) => ({
    step: `record ${changeTitle(step.change)} in the runtime file`,
    host: `rename ${step.temporary} to ${step.path}, fsync the directory`,
    undo: "restore the old content",
  }),
});

/** The step that makes a first runtime file. */
export const CREATE_STATE_STEP = defineStep({
  check: checkCreate,
  traits: () => ON_NODE,
  do: createRuntime,
  undo: removeCreated,
  confirm: isAsCreated,
  describe: ({ path }) => ({
    step: "create the runtime file",
    host: `write and fsync ${path}, mode 0600`,
    undo: "remove it",
  }),
});

const checkRemoveLeftover = stepCheck("remove-leftover", ({ paths }) => ({
  path: (value) => isLeftover(value, paths),
}));

function isThere(path: string): boolean {
  return unlessRefused(() => statPath(path, { followLinks: "no" })) !==
    undefined;
}

/** The step that removes a file that an interrupted operation left. */
export const REMOVE_LEFTOVER_STEP = defineStep({
  check: checkRemoveLeftover,
  traits: () => ON_NODE,
  do({ path }) {
    const flags = O.RDONLY | O.DIRECTORY | O.NOFOLLOW;
    using dir = openFile(dirname(path), flags);
    unlink(basename(path), { dir });
  },
  undo() {},
  confirm: ({ path }) => !isThere(path),
  describe: ({ path }) => ({
    step: "remove a leftover of an interrupted operation",
    host: `remove ${path}`,
    undo: null,
  }),
});
