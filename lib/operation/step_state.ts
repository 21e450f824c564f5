/**
 * Steps on the runtime file.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import {
  commitRuntime,
  discardStaged,
  readRuntimeFile,
  stageRuntime,
} from "../state/runtime_file.ts";
import type { CommitStateStep, Effect, StageStateStep, Verbs } from "./step.ts";

function titleOf({ list, change, uuid }: RuntimeChange): string {
  const kind = list === "disks" ? "disk" : "NIC";
  return change === "insert"
    ? `the entry of ${kind} ${uuid}`
    : `the removal of ${kind} ${uuid}`;
}

function isRecorded(path: string, { list, uuid }: RuntimeChange): boolean {
  const content = readRuntimeFile(path);
  return content?.runtime[list].some((one) => one.uuid === uuid) ?? false;
}

function basisOf(step: StageStateStep | CommitStateStep): string {
  return `basis of ${step.temporary}`;
}

const stage: Verbs<StageStateStep> = {
  async do(step, world) {
    const basis = await Promise.resolve(stageRuntime(step));
    world.values.set(basisOf(step), basis);
  },
  async undo(step) {
    await Promise.resolve(discardStaged(step));
  },
  confirm: () => Promise.resolve("unknown"),
  describe: (step) => ({
    step: `write ${titleOf(step.change)} beside the runtime file`,
    qmp: null,
    host: `write and fsync ${step.temporary} beside ${step.path}`,
    undo: `remove ${step.temporary}`,
  }),
};

function effectOf(step: CommitStateStep): Effect {
  const wanted = step.change.change === "insert";
  return isRecorded(step.path, step.change) === wanted ? "done" : "not-done";
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

const commit: Verbs<CommitStateStep> = {
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
    step: `record ${titleOf(step.change)} in the runtime file`,
    qmp: null,
    host: `rename ${step.temporary} to ${step.path}, fsync the directory`,
    undo: "put the entry back as it was",
  }),
};

/** The verbs of the steps on the runtime file. */
export const stateVerbs = {
  "stage-state": stage,
  "commit-state": commit,
} as const;
