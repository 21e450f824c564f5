/**
 * What was interrupted before an operation is put in order first. Apart from
 * what carries out the operation, which is needed later and compiled while
 * QEMU works.
 *
 * @module
 */

import type { InstancePaths } from "../state/instance.ts";
import { findJournal } from "../state/journal_file.ts";
import { fingerprintOf } from "./journal.ts";
import type { Recovery } from "./recover.ts";
import type { Request } from "./request.ts";
import type { Outcome, RunOptions } from "./run.ts";

/** Longest wait for the guest in an operation that is not the one asked for. */
const OTHER_UNPLUG_TIMEOUT_MS = 3_000;

/** Puts in order what was interrupted before, if anything was. */
async function recoverFirst(
  paths: InstancePaths,
  options: RunOptions,
): Promise<Recovery | undefined> {
  if (findJournal(paths) === "none") return undefined;
  const { recover } = await import("./recover.ts");
  const { unplugTimeoutMs } = options;
  return await recover(paths, {
    ...options,
    unplugTimeoutMs: Math.min(unplugTimeoutMs, OTHER_UNPLUG_TIMEOUT_MS),
  });
}

/** What the same command had begun when it was interrupted, now finished. */
function sameAgain(
  request: Request,
  recovery: Recovery | undefined,
): Outcome | undefined {
  if (recovery?.plan === undefined || recovery.course !== "finish") return;
  if (recovery.request !== fingerprintOf(request)) return;
  const { instance, action, device } = recovery.plan;
  return { instance, action, changed: true, device, warnings: [] };
}

const UNFINISHED =
  "a change of this instance is under way, or was interrupted: the next change or repair puts it in order";

/**
 * Carries out a request after what was interrupted before it was put in order;
 * a dry run only tells of it.
 *
 * @param next carries out the request
 */
export async function afterRecovery(
  request: Request,
  { paths, options, next }: {
    paths: InstancePaths;
    options: RunOptions;
    next: () => Promise<Outcome>;
  },
): Promise<Outcome> {
  if (options.mode === "dry-run") {
    const found = findJournal(paths);
    return withWarning(await next(), found === "none" ? undefined : UNFINISHED);
  }
  const recovery = await recoverFirst(paths, options);
  const outcome = sameAgain(request, recovery) ?? await next();
  return withWarning(
    outcome,
    recovery && `${recovery.what}, had been interrupted: ${recovery.did}`,
  );
}

function withWarning(outcome: Outcome, warning: string | undefined): Outcome {
  if (warning === undefined) return outcome;
  return { ...outcome, warnings: [warning, ...outcome.warnings] };
}
