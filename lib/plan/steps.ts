/**
 * Common steps of plans for disks and NICs.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { CommitStateStep, StageStateStep } from "../engine/state_steps.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import { inverse, type RuntimeChange } from "../state/runtime_change.ts";
import type { Facts } from "./facts.ts";

/** The two steps of a change of the runtime file: stage first, commit last. */
export function stateSteps(
  facts: Pick<Facts, "paths" | "content" | "nonce">,
  change: RuntimeChange,
): { stage: StageStateStep; commit: CommitStateStep } {
  const path = facts.paths.runtime;
  const temporary = `${basename(path)}${facts.nonce}.new`;
  const back = inverse(change, facts.content.runtime);
  return {
    stage: { kind: "stage-state", path, temporary, change },
    commit: { kind: "commit-state", path, temporary, change, inverse: back },
  };
}

/** A QMP command with the command that undoes it. */
export function qmpStep(
  execute: string,
  args: QmpCommand["arguments"],
  undo: QmpCommand | null,
): QmpStep {
  return { kind: "qmp" as const, execute, arguments: args, undo };
}

/** A QMP command without an undo. */
export function command(
  execute: string,
  args: QmpCommand["arguments"],
): QmpCommand {
  return { execute, arguments: args };
}
