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
import { fingerprintOf, Journal } from "./journal.ts";
import type { Plan } from "./plan.ts";
import { commandOf, type Request } from "./request.ts";
import type { RunOptions } from "./run.ts";
import type { World } from "./world.ts";

/** Applies a plan with its journal, which stays if anything is left over. */
export async function applyJournaled(
  plan: Plan,
  { request, paths, process, world, options }: {
    request: Request;
    paths: InstancePaths;
    process: QemuProcess | undefined;
    world: World;
    options: RunOptions;
  },
): Promise<void> {
  using journal = new Journal(paths, {
    plan,
    command: commandOf(request),
    request: fingerprintOf(request),
    qemu: process && processIdentity(process),
  });
  const progress = journal.progress(world.values, options.progress);
  try {
    await apply(plan, world, progress);
  } catch (error) {
    if (error instanceof HotplugError && !error.changed) journal.end();
    throw error;
  }
  journal.end();
}
