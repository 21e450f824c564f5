/**
 * A row of operations for one request. The lock is held from the first to the
 * last: the common decision stays valid, except for writes of noded, and each
 * operation reads the facts again. After a kill the current operation is
 * finished or taken back; the same request then does the rest.
 *
 * @module
 */

import type { RunOptions } from "../engine/options.ts";
import type { Plan } from "../engine/plan.ts";
import {
  exitStatus,
  HotplugError,
  isFailure,
  named,
  type Remark,
  type RowSoFar,
  toldOf,
  withDetails,
} from "../errors.ts";
import type { KindRequest } from "../kinds.ts";
import { nothingChanged } from "../monitor/failure.ts";
import type { Row } from "../plan/kind.ts";
import type { Outcome } from "./outcome.ts";

/** Whether a request becomes a row. */
export function isRow<R extends KindRequest>(
  decided: Plan | Row<R>,
): decided is Row<R> {
  return "parts" in decided;
}

/** The amount after these operations, if the guest has followed each. */
function planned({ before, parts }: Row, done: readonly Outcome[]): number {
  return parts[done.length - 1]?.reached ?? before;
}

/** The amount that was reached. */
function soFar(reached: number, done: readonly Outcome[]): RowSoFar {
  return {
    reached,
    operations: done.map(({ action, changed, device }) => ({
      action,
      changed,
      device: device && toldOf(device),
    })),
  };
}

function anyChanged(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ changed }) => changed);
}

/** Remarks of the VM as a whole come with each operation. */
function eachOnce(remarks: readonly Remark[]): Remark[] {
  const byText = remarks.map((one) => [JSON.stringify(one), one] as const);
  return [...new Map(byText).values()];
}

/** The caller has gone: finished operations stay. */
function refuseUnwanted({ signal, isWanted }: RowOptions, left: number) {
  if (signal?.aborted !== true && isWanted?.() !== false) return;
  throw new HotplugError(
    "interrupted",
    `The call was interrupted before it carried out ${left} operation${
      left === 1 ? "" : "s"
    }`,
    { hint: "to carry them out, run the same command again" },
  );
}

/** How a row is carried out, and what may end it between two operations. */
type RowOptions =
  & Partial<Pick<RunOptions, "mode">>
  & Pick<RunOptions, "signal" | "isWanted">;

/**
 * What the instance has now.
 *
 * @param usual the answer where the guest need not follow, and where QEMU does
 * not tell
 */
async function counted(
  usual: number,
  count: (() => Promise<number>) | undefined,
): Promise<number> {
  try {
    return await count?.() ?? usual;
  } catch (error) {
    if (isFailure(nothingChanged(error))) return usual;
    throw error;
  }
}

/**
 * Carries a row out.
 *
 * @param one carries out one request, or only plans it
 * @param count asks QEMU what the instance has. @default what was planned
 * @throws {HotplugError} the error of the operation that failed, with the
 * operations before it
 */
export async function carryOutRow<R extends KindRequest>(
  instance: string,
  row: Row<R>,
  { one, count, options }: {
    readonly one: (request: R) => Promise<Outcome>;
    readonly count?: (() => Promise<number>) | undefined;
    readonly options: RowOptions;
  },
): Promise<Outcome> {
  const done: Outcome[] = [];
  for (const { request } of row.parts) {
    try {
      const left = row.parts.length - done.length;
      if (done.length > 0) refuseUnwanted(options, left);
      done.push(await one(request));
    } catch (error) {
      const fault = named(error);
      const changed = fault.changed || anyChanged(done);
      // Where QEMU did not answer, it would only be waited for again.
      const now = exitStatus(fault.code) === 6 ? count : undefined;
      const reached = await counted(planned(row, done), now);
      throw withDetails(fault, { row: soFar(reached, done), changed });
    }
  }
  const wanted = planned(row, done);
  const reached = await counted(wanted, count);
  const short = reached === wanted ? "" : `; it has ${row.say(reached)}`;
  const remarks = eachOnce(done.flatMap(({ warnings }) => warnings));
  return {
    instance,
    action: row.action,
    changed: anyChanged(done),
    device: null,
    row: { reached, has: `${row.say(wanted)}${short}`, operations: done },
    warnings: row.remarks?.(remarks) ?? remarks,
    ...(options.mode === "dry-run" && {
      plan: done.flatMap(({ plan = [] }) => plan),
    }),
  };
}
