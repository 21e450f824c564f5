/**
 * What a journal adds to an operation: before it, what was interrupted earlier
 * is put in order; while it runs, it can be put in order after a kill.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { processIdentity } from "../host/process_identity.ts";
import type { InstancePaths } from "../state/instance.ts";
import { apply } from "./apply.ts";
import { unchanged } from "../monitor/failure.ts";
import { Journal } from "./journal.ts";
import type { Plan } from "./plan.ts";
import type { RunOptions } from "../operation/run.ts";
import { PLUGGED_BACK, REQUESTED_AT } from "./unplug.ts";
import type { World } from "./world.ts";

/** What a plan is applied in. */
export interface Circumstances {
  /** What the plan is for, as a person calls it: `disk add`. */
  readonly command: string;
  /** The same to the letter: {@linkcode fingerprintOf}. */
  readonly request: string;
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** QEMU's, if it is known. */
  readonly process: QemuProcess | undefined;
  /** Acted upon. */
  readonly world: World;
  /** Those of the call. */
  readonly options: RunOptions;
}

/** Applies a plan with its journal, which stays if anything is left over. */
export async function applyJournaled(
  plan: Plan,
  { command, request, paths, process, world, options }: Circumstances,
): Promise<void> {
  const qemu = await unchanged(() => process && processIdentity(process));
  using journal = await unchanged(() =>
    new Journal(paths, { plan, command, request, qemu })
  );
  const progress = journal.progress(world.values, options.progress);
  try {
    await apply(plan, world, progress);
  } catch (error) {
    await noteRemoval(error, plan, { paths, process, world });
    if (!(error instanceof HotplugError)) throw error;
    if (!error.changed) journal.end();
    else if (qemu !== undefined) {
      const { settleIfEnded } = await import("../operation/ended.ts");
      const cut = { plan, error, qemu };
      const settled = await settleIfEnded(cut, { paths, world, options });
      if (settled === "finished") return;
      throw settled;
    }
    throw error;
  }
  journal.end();
}

/** The ledger follows what the guest said, or did not say. */
async function noteRemoval(
  error: unknown,
  plan: Plan,
  { paths, process, world }: Pick<Circumstances, "paths" | "process" | "world">,
): Promise<void> {
  if (!(error instanceof HotplugError)) return;
  if (!["unplug-pending", "unplug-rejected"].includes(error.code)) return;
  try {
    const { forgetPending, notePending, noteReplug } = await import(
      "./pending.ts"
    );
    const qemu = process === undefined
      ? null
      : processIdentity(process) ?? null;
    const at = world.values.get(REQUESTED_AT);
    if (error.code === "unplug-rejected") forgetPending(plan, { paths, qemu });
    else if (at !== undefined) {
      notePending(plan, at, { paths, qemu });
      const isBack = world.values.has(PLUGGED_BACK);
      if (!isBack) noteReplug(plan, at, { paths, qemu });
    }
  } catch {
    // A full disk, no fd left: what the guest said counts more than the note of it.
  }
}
