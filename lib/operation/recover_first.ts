/**
 * What was interrupted before an operation is put in order first. Apart from
 * what carries out the operation, which is needed later and compiled while
 * QEMU works.
 *
 * @module
 */

import { fingerprintOf } from "../engine/journal.ts";
import type { RunOptions } from "../engine/options.ts";
import type { Recovery } from "../engine/recover.ts";
import { messageOf } from "../errors.ts";
import { unchanged } from "../monitor/failure.ts";
import type { InstancePaths } from "../state/instance.ts";
import { findJournal, findOwnFile } from "../state/journal_file.ts";
import type { Outcome } from "./outcome.ts";
import type { Request } from "./request.ts";
import { loadReader } from "../kinds.ts";

/** Longest wait for the guest in an operation that is not the one asked for. */
const OTHER_UNPLUG_TIMEOUT_MS = 3_000;

/** Puts in order what was interrupted before, if anything was. */
async function recoverFirst(
  paths: InstancePaths,
  options: RunOptions,
): Promise<Recovery | undefined> {
  if (findJournal(paths) === "none") return undefined;
  const { recover } = await import("../engine/recover.ts");
  const { unplugTimeoutMs } = options;
  return await recover(paths, {
    ...options,
    load: loadReader,
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

/** Carries out one request under the lock. */
export type CarryOut = (request: Request) => Promise<Outcome>;

/** How requests on an instance are carried out. */
export interface Way {
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** Those of the call. */
  readonly options: RunOptions;
  /** Does the work. */
  readonly carryOut: CarryOut;
}

/**
 * Carries out a request after what was interrupted before it was put in order;
 * a dry run only tells of it.
 */
export async function afterRecovery(
  request: Request,
  way: Way,
): Promise<Outcome> {
  const { paths, options, carryOut } = way;
  if (options.mode === "dry-run") {
    const found = findJournal(paths) === "there" ? [UNFINISHED] : [];
    return withWarnings(await carryOut(request), found);
  }
  const recovery = await unchanged(() => recoverFirst(paths, options));
  const told = recovery === undefined ? [] : [
    `${recovery.what}, had been interrupted: ${recovery.did}`,
    ...(recovery.leftAlone ?? []).map(({ what, hint }) => `${what}; ${hint}`),
  ];
  // A removal says by its place which device it means: the others stay where
  // they are until it is done.
  const isRemoval = request.kind.endsWith("-remove");
  const before = isRemoval ? [] : await finishDue(way);
  const outcome = sameAgain(request, recovery) ?? await carryOut(request);
  const after = isRemoval ? await finishDue(way) : [];
  return withWarnings(outcome, [...told, ...before, ...after]);
}

/** Finishes the removals that the guest has completed since. */
async function finishDue(
  { paths, options, carryOut }: Way,
): Promise<string[]> {
  // What fails here says nothing about the request, which may be done.
  try {
    // Most instances have no record, and pay for none.
    if (findOwnFile(paths, "json") === "none") return [];
    const { findDue } = await import("./due.ts");
    const told: string[] = [];
    for (const due of await findDue(paths, options)) {
      const { device } = await carryOut(due);
      const what = `${device?.kind} ${device?.index} (${device?.id})`;
      told.push(`the guest has released ${what}: its removal is finished`);
    }
    return told;
  } catch (error) {
    return [`a removal that is due was not finished: ${messageOf(error)}`];
  }
}

function withWarnings(
  outcome: Outcome,
  warnings: readonly string[],
): Outcome {
  if (warnings.length === 0) return outcome;
  return { ...outcome, warnings: [...warnings, ...outcome.warnings] };
}
