/**
 * Converts plans of release 0.1, in journals of version 1, to the current form.
 * Nothing is checked here: the check comes afterwards, as for any plan.
 *
 * @module
 */

import { isJson, type Json } from "../qmp/message.ts";
import type { LedgerEntry } from "./qmp_steps.ts";
import { turningStep } from "./recover_course.ts";
import { kindOfList } from "../state/entry_object.ts";
import { whole } from "../state/value_check.ts";
import type { Step } from "./verbs.ts";
import type { StepTable } from "./world.ts";

/**
 * Its removals are plans that delete an entry; its replugs are modifications.
 */
function ledgerOf(
  { action, device }: Json,
  steps: readonly Json[],
): LedgerEntry | undefined {
  const commit = steps.find(({ kind }) => kind === "commit-state");
  const change = commit?.change;
  if (isJson(change) && change.change === "delete") {
    const kind = kindOfList(String(change.list));
    const uuid = String(change.uuid).toLowerCase();
    return kind === undefined ? undefined : { uuid, kind, note: "pending" };
  }
  if (action !== "modify" || !isJson(device) || !device.uuid) return undefined;
  const uuid = String(device.uuid).toLowerCase();
  return { uuid, kind: String(device.kind), note: "replug" };
}

/** A size in MiB. */
const isSize = whole(0, 2 ** 43);

/**
 * Words that were added to `kvm_cmd` with a disk were the words of its
 * controller.
 */
function wordsOf({ change, words }: Json): Json {
  if (words === undefined) return {};
  const title = "controller";
  return {
    words: change === "delete" ? { title, take: words } : { title, put: words },
  };
}

/** A change; two of its members had other names. */
function changeOf(change: unknown): unknown {
  if (!isJson(change)) return change;
  const { change: word, hvinfo, size, ...more } = change;
  const rest = { ...more, ...wordsOf(change) };
  if (word === "hvinfo") {
    return { ...rest, change: "members", members: { hvinfo } };
  }
  if (word !== "size" || !isSize(size)) return { ...change, ...rest };
  return { ...rest, change: "members", members: { size: `${size}` } };
}

function stepOf(step: Json, ledger: LedgerEntry | undefined): Json {
  const { change, inverse } = step;
  return {
    ...step,
    ...(step.kind === "unplug" && ledger && { ledger }),
    ...(change !== undefined && { change: changeOf(change) }),
    ...(inverse !== undefined && { inverse: changeOf(inverse) }),
  };
}

/** Adds the members that a plan of version 1 lacks and its steps tell. */
export function fromVersion1(plan: Json, table: StepTable): Json {
  if (!Array.isArray(plan.steps) || !plan.steps.every(isJson)) return plan;
  const ledger = ledgerOf(plan, plan.steps);
  const steps = plan.steps.map((step) => stepOf(step, ledger));
  const known = steps.every(({ kind }) => table.find(String(kind)));
  return {
    ...plan,
    kinds: [],
    steps,
    turn: known ? turningStep(steps as unknown as Step[], table) : null,
    // Version 1 said this of every plan of repair, and of plans without a
    // question.
    ifCut: plan.action === "remove" ? "finish" : "take-back",
  };
}
