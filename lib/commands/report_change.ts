/**
 * The result of a change, as text or one JSON document: INTERFACE, "JSON". A
 * file of its own, because it needs all steps, and a list does not.
 *
 * @module
 */

import type { Adoption } from "../engine/plan.ts";
import { formatCommand, type StepDescription } from "../engine/verbs.ts";
import type { Outcome } from "../operation/outcome.ts";
import type { ChangeDocument } from "./documents.ts";
import { limitsOf, sizeOf } from "../plan/details.ts";
import { detailsOf, remainingView, titleOf, whereOf } from "./report.ts";

/** The answer of a change; `plan` is null unless it was a dry run. */
export function outcomeDocument(outcome: Outcome): ChangeDocument {
  const { instance, action, changed, device, adoption, plan } = outcome;
  const { settled = [], row } = outcome;
  return {
    ok: true,
    instance,
    action,
    dry_run: plan !== undefined,
    changed,
    device,
    ...(adoption && {
      adopted: adoption.adopted,
      remaining: adoption.remaining.map(remainingView),
    }),
    ...(row && {
      reached: row.reached,
      operations: row.operations.map(({ action, changed, device, plan }) => ({
        action,
        changed,
        device,
        plan: plan ?? null,
      })),
    }),
    settled,
    plan: plan ?? null,
  };
}

/**
 * The result of a row of operations: each operation that changed something, and
 * the setting after it: how much of it the guest uses is the guest's decision.
 */
function rowText({ instance, row, plan }: Outcome): string[] {
  if (row === undefined) return [];
  const { has, operations } = row;
  const some = operations.filter(({ changed }) => changed || plan);
  if (some.length === 0) {
    return [`Nothing to change: ${instance} is already set to ${has}`];
  }
  const end = plan === undefined ? "is now set to" : "would then be set to";
  return [...some.flatMap(outcomeText), `${instance} ${end} ${has}`];
}

/** A success in a line; a dry run with its plan. */
export function outcomeText(outcome: Outcome): string[] {
  const { device, instance, action, adoption, changed, plan } = outcome;
  const { warnings } = outcome;
  if (outcome.row !== undefined) return rowText(outcome);
  const left = remainingText(adoption);
  if (plan !== undefined && plan.length > 0) {
    const devices = adoption && adoptedText(adoption, instance);
    return [...planText(outcome, plan), ...devices ?? [], ...left];
  }
  if (adoption !== undefined) {
    const { length } = adoption.adopted;
    const done = `Adopted ${length} device${length === 1 ? "" : "s"}`;
    return [
      ...changed ? [`${done} of ${instance}`] : [],
      ...adoptedText(adoption, instance),
      ...left,
    ];
  }
  if (action === "upgrade") {
    return changed
      ? [`Upgraded the runtime file of ${instance}`]
      : [`The runtime file of ${instance} already has the current form`];
  }
  if (device === null) {
    return [`Nothing to ${action}: ${instance} has no such device`];
  }
  const what = `${titleOf(device)} (${device.id})`;
  const where = whereOf(device);
  const details = detailsOf(device);
  if (!changed) {
    const nothing = `Nothing to change: ${what} of ${instance}`;
    switch (action) {
      case "add":
        return [`${instance} already has ${what}${where}: ${details}`];
      case "resize":
        return [`${nothing} already has ${sizeOf(device)}`];
      case "set": {
        const limits = limitsOf(device) ? "" : ", no limits";
        return [`${nothing} already has: ${details}${limits}`];
      }
    }
    return [`${nothing} already has: ${details}`];
  }
  switch (action) {
    case "add":
      return [`Added ${what} to ${instance}${where}: ${details}`];
    case "modify":
      if (warnings.some(({ code }) => code === "nic-replaced")) {
        return [`Replaced ${what} of ${instance}${where}: ${details}`];
      }
      return [`Modified ${what} of ${instance}${where}: ${details}`];
    case "resize":
      return [`Resized ${what} of ${instance}: ${details}`];
    case "set":
      return [`Changed ${what} of ${instance}: ${details}`];
  }
  return [`Removed ${what} from ${instance}: ${details}`];
}

function adoptedText({ adopted }: Adoption, instance: string): string[] {
  if (adopted.length === 0) return [`No device to adopt in ${instance}`];
  return adopted.map((device) => {
    const where = whereOf(device);
    return `Proven: ${titleOf(device)} (${device.id})${where}: ${
      detailsOf(device)
    }`;
  });
}

function remainingText(adoption: Adoption | undefined): string[] {
  const remaining = adoption?.remaining ?? [];
  return remaining.flatMap(({ message, hint }) => [
    `Left alone: ${message}`,
    ...hint === null ? [] : [`  ${hint}`],
  ]);
}

function planText(
  outcome: Outcome,
  steps: readonly StepDescription[],
): string[] {
  const { action, device, instance } = outcome;
  const lines = steps.flatMap((one, i) => {
    const what = one.qmp === null ? one.host : formatCommand(one.qmp);
    const undo = one.undo === null ? [] : [`    undo: ${one.undo}`];
    return [
      `${String(i + 1).padStart(2)}. ${one.step}`,
      `    ${what}`,
      ...undo,
    ];
  });
  const where = device === null ? "" : whereOf(device);
  const what = device === null ? instance : `${titleOf(device)} (${device.id})`;
  return [
    `Would ${action} ${what}${where}, in ${steps.length} step${
      steps.length === 1 ? "" : "s"
    }:`,
    ...lines,
    "Nothing was changed.",
  ];
}
