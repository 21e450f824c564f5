/**
 * The `repair` command.
 *
 * @module
 */

import { repair as repairInstance } from "../repair/repair.ts";
import type { RepairOutcome } from "../plan/finding.ts";
import { remark } from "../errors.ts";
import type { Answer, Call } from "./answer.ts";
import type { RepairDocument } from "./documents.ts";
import { remainingView } from "./report.ts";
import { instanceOf, optionsOf } from "./requests.ts";

/** Something remains: INTERFACE, "Exit statuses". */
const SOMETHING_REMAINS = 7;

/** The end of the text if nothing remains. */
function endOf({ repaired, pending, qemu }: RepairOutcome): string {
  const { length } = pending;
  if (length > 0) {
    const more = repaired.length === 0 ? "nothing" : "nothing else";
    const wait = length === 1 ? "removal waits" : "removals wait";
    return `${more} to repair; ${length} ${wait} for the guest`;
  }
  return qemu === "down"
    ? "the VM does not run; the runtime file and the node agree"
    : "the runtime file, QEMU and the node agree";
}

/** The result for a person. */
export function repairText(outcome: RepairOutcome): string[] {
  const { instance, repaired, remaining, pending, plan } = outcome;
  const lines = [
    ...repaired.map(({ what, did }) => `Repaired: ${what}: ${did}`),
    ...remaining.flatMap(({ message, hint }) => [
      `Remaining: ${message}`,
      ...hint === null ? [] : [`  ${hint}`],
    ]),
    ...pending.flatMap(({ message, hint }) => [
      `Pending: ${message}`,
      ...hint === null ? [] : [`  ${hint}`],
    ]),
    ...(plan === undefined ? [] : ["Nothing was changed."]),
  ];
  return remaining.length > 0
    ? lines
    : [...lines, `${instance}: ${endOf(outcome)}`];
}

/** Finishes or undoes an interrupted change, and reports drift. */
export async function repair(call: Call): Promise<Answer> {
  using options = optionsOf(call);
  const instance = instanceOf(call.invocation) ?? "";
  const outcome = await repairInstance(instance, options);
  const { plan, qemu, ...found } = outcome;
  const warnings = qemu === "down"
    ? [
      remark(
        "not-running",
        "the VM does not run: only the runtime file and the node were compared",
      ),
    ]
    : [];
  return {
    text: repairText(outcome),
    warnings,
    document: {
      ok: true,
      ...found,
      remaining: outcome.remaining.map(remainingView),
      changed: outcome.repaired.length > 0,
      dry_run: plan !== undefined,
      plan: plan ?? null,
    } satisfies RepairDocument,
    status: outcome.remaining.length === 0 ? 0 : SOMETHING_REMAINS,
  };
}
