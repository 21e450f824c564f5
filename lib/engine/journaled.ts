/**
 * Runs an operation with a journal: first it repairs an earlier interruption;
 * while it runs, a kill can be repaired.
 *
 * @module
 */

import { HotplugError, isFailure, messageOf, withDetails } from "../errors.ts";
import { fdShortage, type QemuProcess } from "../host/process.ts";
import {
  lookForProcess,
  type ProcessIdentity,
  processIdentity,
} from "../host/process_identity.ts";
import { unchanged } from "../monitor/failure.ts";
import type { InstancePaths } from "../state/instance.ts";
import { apply } from "./apply.ts";
import { beginJournal, journalProgress } from "./journal.ts";
import type { RunOptions } from "./options.ts";
import type { Plan } from "./plan.ts";
import { forgetAsked, type Ledger, noteAsked } from "./pending.ts";
import { recover } from "./recover.ts";
import { PLUGGED_BACK, REQUESTED_AT } from "./unplug.ts";
import type { World } from "./world.ts";

/** The circumstances of a plan. */
export interface Circumstances {
  /** The operation of the plan, for a person: `disk add`. */
  readonly command: string;
  /** The same to the letter: {@linkcode fingerprintOf}. */
  readonly request: string;
  readonly paths: InstancePaths;
  /** QEMU's process, if it is known. */
  readonly process: QemuProcess | undefined;
  readonly world: World;
  readonly options: RunOptions;
}

/** Applies a plan with its journal, which stays if anything is left over. */
export async function applyJournaled(
  plan: Plan,
  circumstances: Circumstances,
): Promise<void> {
  const { command, request, paths, process, world, options } = circumstances;
  const qemu = await unchanged(() => process && processIdentity(process));
  using journal = await unchanged(() =>
    beginJournal(paths, { plan, command, request, qemu, steps: world.steps })
  );
  const progress = journalProgress(journal, {
    ...{ plan, world },
    next: options.progress,
  });
  try {
    await apply(plan, world, progress);
  } catch (error) {
    noteRemoval(error, plan, { ...circumstances, qemu: qemu ?? null });
    if (!(error instanceof HotplugError)) throw error;
    if (!error.changed) {
      journal.end();
      throw withShortage(error, process);
    }
    if (qemu !== undefined) {
      const failed = { plan, error, qemu };
      const outcome = await recoverWithoutQemu(failed, circumstances);
      if (outcome === "finished") return;
      throw outcome;
    }
    throw error;
  }
  journal.end();
}

/**
 * QEMU blames the file that it could not open, and never its lack of
 * descriptors.
 */
function withShortage(
  error: HotplugError,
  process: QemuProcess | undefined,
): HotplugError {
  const hint = error.qmp && process && fdShortage(process.pid);
  return hint === undefined ? error : withDetails(error, { hint });
}

/** Updates the ledger by the guest's answer, or its silence. */
function noteRemoval(
  error: unknown,
  plan: Plan,
  { world, ...ledger }: Ledger & Pick<Circumstances, "world">,
): void {
  if (!isFailure(error, "unplug-pending", "unplug-rejected")) return;
  try {
    const at = world.values.get(REQUESTED_AT);
    if (error.code === "unplug-rejected") forgetAsked(plan, ledger);
    else if (at !== undefined) {
      const isBack = world.values.has(PLUGGED_BACK);
      noteAsked(plan, at, { ...ledger, ...(isBack && { only: "pending" }) });
    }
  } catch {
    // A full disk, no fd left: the guest's answer counts more than the note of
    // it.
  }
}

/**
 * Repairs the rest of a failed operation if QEMU has ended.
 *
 * @param failed its journal is there
 * @returns `finished` if nothing left to do needed QEMU; else the error that is
 * then right; or the same error if QEMU still runs, or anything is left
 */
async function recoverWithoutQemu(
  { plan, error, qemu }: {
    readonly plan: Plan;
    readonly error: HotplugError;
    readonly qemu: ProcessIdentity;
  },
  { paths, world, options }: Circumstances,
): Promise<"finished" | HotplugError> {
  try {
    if (lookForProcess(qemu) === "same") return error;
    const load = () => Promise.resolve(world.steps);
    const recovery = await recover(paths, { ...options, load });
    world.leftAlone.push(...recovery?.leftAlone ?? []);
    if (recovery?.course === "finish") return "finished";
  } catch {
    return error;
  }
  const why = error.cause === undefined ? error : error.cause;
  return new HotplugError(
    "not-running",
    `Cannot ${plan.action} ${plan.title}: QEMU (pid ${qemu.pid}) has ended: ${
      messageOf(why)
    }`,
    { cause: error, hint: "the changes on this node were undone" },
  );
}
