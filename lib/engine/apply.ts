/**
 * Runs a plan: its steps in order. If a step fails, everything that was done is
 * undone in reverse, with the failed step, which may have been done in part.
 *
 * @module
 */

import {
  HotplugError,
  isFailure,
  messageOf,
  shortage,
  withDetails,
} from "../errors.ts";
import { isUnreachable, qmpFault, unreachable } from "../monitor/failure.ts";
import { QmpError, QmpTimeoutError } from "../qmp/errors.ts";
import { SysError } from "../sys/errno.ts";
import type { Plan } from "./plan.ts";
import type { Step } from "./verbs.ts";
import type { StepKind, World } from "./world.ts";
import { commandLine, resumeLine } from "../state/instance.ts";

/** Follows an operation: for `--verbose`, and for the journal. */
export interface Progress {
  /** Called before a step is done; an exception here fails the step. */
  doing?(step: Step, index: number, kind: StepKind): void;
  /** Called before a step is undone; the failed one comes first. */
  undoing?(step: Step, index: number, kind: StepKind): void;
}

/** A QMP time-out tells nothing about the command: reality is asked. */
async function doStep(step: Step, world: World): Promise<void> {
  const kind = world.steps.of(step);
  try {
    await kind.do(step, world);
  } catch (error) {
    if (!(error instanceof QmpTimeoutError)) throw error;
    if (await kind.confirm(step, world) !== "done") throw error;
  }
}

/**
 * No process listens at the socket any more: QEMU has ended, and uses nothing.
 */
function hasEnded(error: unknown): boolean {
  return error instanceof SysError && error.code === "ECONNREFUSED";
}

/**
 * Undoes the done steps, last first, and returns the steps that could not be
 * undone. Things that QEMU still uses are not removed: once something stays in
 * QEMU, everything that was made for QEMU stays, too.
 *
 * @param kept a step that is known to have had no effect
 */
export async function rollBack(
  steps: readonly Step[],
  world: World,
  progress: Progress = {},
  kept?: Step,
): Promise<string[]> {
  const left: string[] = [];
  let stays = false;
  for (const [index, step] of [...steps.entries()].reverse()) {
    const kind = world.steps.of(step);
    const { step: title, undo } = kind.describe(step);
    const { inQemu } = world.steps.traits(step);
    if (stays && inQemu !== "free") {
      if (undo !== null) {
        left.push(`${title}: not undone, because QEMU may use it`);
      }
      continue;
    }
    try {
      progress.undoing?.(step, index, kind);
      if (step !== kept) await kind.undo(step, world);
    } catch (error) {
      left.push(`${title}: ${messageOf(error)}`);
      stays ||= inQemu === "held" && !hasEnded(error);
    }
  }
  return left;
}

/**
 * The state of a device after the wait for the guest was ended: QEMU 10.0 takes
 * a device out of its tree some milliseconds before it reports this.
 *
 * @returns `gone`: the device cannot and need not be put back, and the plan
 * goes on; undefined: no guest was asked, or the state is unknown
 */
async function releaseOf(
  step: Step,
  error: unknown,
  world: World,
): Promise<"gone" | "kept" | undefined> {
  const kind = world.steps.of(step);
  const isPending = isFailure(error, "unplug-pending");
  if (!isPending || world.steps.traits(step).turn !== "release") {
    return undefined;
  }
  try {
    return await kind.confirm(step, world) === "done" ? "gone" : "kept";
  } catch {
    return undefined;
  }
}

/**
 * The hint that finishes it later names the device: an index may mean another
 * device then.
 */
function asked(
  plan: Plan,
  error: HotplugError,
  { options }: World,
): HotplugError {
  const { action, instance, device } = plan;
  if (device === null || device.id === null) return error;
  // A plan without a turning step only waits: its error says all.
  if (error.code !== "unplug-pending" || plan.turn === null) {
    return withDetails(error, { device });
  }
  const { kind, id } = device;
  const next = action === "remove"
    ? `to finish the removal, run: ${
      commandLine(options, kind, "remove", instance, id)
    }`
    : `run the same command again, with the device id ${id}`;
  const resume = error.details.isPaused === true
    ? `resume the VM (${resumeLine(options, instance)})`
    : undefined;
  const all = [resume, error.hint, next].filter((one) => one !== undefined);
  return withDetails(error, { device, hint: all.join("; ") });
}

/** The error of a failure that was undone. */
function undone(plan: Plan, error: unknown, world: World): HotplugError {
  if (error instanceof HotplugError) return asked(plan, error, world);
  return new HotplugError(
    error instanceof QmpError ? "qmp-error" : "host-error",
    `Cannot ${plan.action} ${plan.title}: ${messageOf(error)}`,
    { qmp: qmpFault(error), cause: error, hint: "everything was undone" },
  );
}

/** The error of a failure that left something over. */
function notUndone(
  plan: Plan,
  error: unknown,
  { left, world }: { readonly left: readonly string[]; readonly world: World },
): HotplugError {
  const lost = isUnreachable(error) ||
    isFailure(error, "interrupted");
  return new HotplugError(
    lost ? "interrupted" : "rollback-incomplete",
    `Cannot ${plan.action} ${plan.title}: ${messageOf(error)}; not undone: ${
      left.join("; ")
    }`,
    {
      qmp: qmpFault(error),
      cause: error,
      changed: true,
      ...(plan.device && { device: plan.device }),
      hint: `to finish or undo the change, run: ${
        commandLine(world.options, "repair", plan.instance)
      }`,
    },
  );
}

/** Whether only checks had happened. */
function isHarmless(done: readonly Step[], { steps }: World): boolean {
  return done.every((step) => steps.traits(step).failing === "as-it-was");
}

/**
 * Runs a plan to its end, or undoes it.
 *
 * @throws {HotplugError} status 5 or 6 if everything is as before, 7 if not
 */
export async function apply(
  plan: Plan,
  world: World,
  progress: Progress = {},
): Promise<void> {
  for (const [index, step] of plan.steps.entries()) {
    try {
      progress.doing?.(step, index, world.steps.of(step));
      await doStep(step, world);
    } catch (error) {
      const release = await releaseOf(step, error, world);
      if (release === "gone") continue;
      const kept = release === "kept" ? step : undefined;
      const begun = plan.steps.slice(0, index + 1);
      const left = await rollBack(begun, world, progress, kept);
      if (left.length > 0) throw notUndone(plan, error, { left, world });
      const early = isHarmless(begun, world)
        ? unreachable(error) ?? shortage(error)
        : isHarmless(begun.slice(0, -1), world) && unreachable(error);
      throw early || undone(plan, error, world);
    }
  }
}
