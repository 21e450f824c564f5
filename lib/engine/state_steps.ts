/**
 * Steps on the runtime file.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { hvinfoText, membersOf } from "../state/entry_object.ts";
import { formatJson } from "../state/json.ts";
import { isCurrent } from "../state/runtime.ts";
import type { RuntimeChange } from "../state/runtime_change.ts";
import type { FirstRuntime } from "../state/runtime_create.ts";
import {
  commitRuntime,
  discardStaged,
  isStaged,
  readRuntimeFile,
  type StagedChange,
  stageRuntime,
} from "../state/runtime_file.ts";
import type { Effect, Verbs } from "./verbs.ts";

function titleOf(change: RuntimeChange): string {
  if (change.change === "upgrade") return "today's form";
  if (change.change === "links") return "the disks' links";
  const { list, uuid } = change;
  const kind = list === "disks" ? "disk" : "NIC";
  switch (change.change) {
    case "insert":
      return `the entry of ${kind} ${uuid}${
        change.words ? " and its controller" : ""
      }`;
    case "delete":
      return `the removal of ${kind} ${uuid}`;
    case "entry":
      return `the new entry of ${kind} ${uuid}`;
    case "hvinfo":
      return `which device of QEMU ${kind} ${uuid} is`;
    case "size":
      return `the size of ${kind} ${uuid}`;
    case "members":
      return `${Object.keys(change.members).join(", ")} of ${kind} ${uuid}`;
    default:
      return change satisfies never;
  }
}

/** Whether a file holds what a change would bring about. */
function holdsChange(path: string, change: RuntimeChange): boolean {
  const runtime = readRuntimeFile(path)?.runtime;
  if (runtime === undefined) return false;
  if (change.change === "upgrade") return isCurrent(runtime);
  if (change.change === "links") {
    return change.links.every(({ uuid, link }) =>
      runtime.disks.every((one) => one.uuid !== uuid || one.link === link)
    );
  }
  const { list, uuid } = change;
  const entry = runtime[list].find((one) => one.uuid === uuid);
  const recorded = entry !== undefined;
  if (change.change === "hvinfo") {
    return recorded && hvinfoText(entry.node) === change.hvinfo;
  }
  if (change.change === "size") {
    return recorded && "sizeMib" in entry && entry.sizeMib === change.size;
  }
  if (change.change === "entry") {
    return recorded && formatJson(entry.node) === change.entry;
  }
  if (change.change === "members") {
    const keys = Object.keys(change.members);
    const now = recorded ? membersOf(entry.node, keys) : {};
    return keys.every((key) => now[key] === change.members[key]);
  }
  return recorded === (change.change === "insert");
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
  // A file without the text it is based on cannot be committed.
  confirm: (step, world) =>
    Promise.resolve(
      world.values.has(basisOf(step)) && isStaged(step) ? "done" : "not-done",
    ),
  describe: (step) => ({
    step: `write ${titleOf(step.change)} beside the runtime file`,
    qmp: null,
    host: `write and fsync ${step.temporary} beside ${step.path}`,
    undo: `remove ${step.temporary}`,
  }),
};

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

/** Writes and syncs the new runtime file beside the old one. */
export interface StageStateStep extends StagedChange {
  /** Carried out by ./step_state.ts. */
  readonly kind: "stage-state";
}

/** Puts the staged runtime file in the old one's place. */
export interface CommitStateStep extends StagedChange {
  /** Carried out by ./step_state.ts. */
  readonly kind: "commit-state";
  /** The change that takes it back. */
  readonly inverse: RuntimeChange;
}

/** Makes a runtime file where there is none. */
export interface CreateStateStep extends FirstRuntime {
  /** Decides who carries it out. */
  readonly kind: "create-state";
}

/** Only `adopt` has such a step: the rest is loaded when one runs. */
const files = () => import("../state/runtime_create.ts");

const create: Verbs<CreateStateStep> = {
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
};

/** The verbs of the step that makes a first runtime file. */
export const createVerbs = { "create-state": create } as const;
