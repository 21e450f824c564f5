/**
 * Devices and errors as text for a person or one JSON document for a program:
 * INTERFACE, "JSON".
 *
 * @module
 */

import {
  exitStatus,
  type HotplugError,
  type Remark,
  remarkOf,
  type ToldDevice,
} from "../errors.ts";
import type { FailureDocument } from "./documents.ts";
import type { DeviceView } from "../engine/plan.ts";
import { kindEntry, kindTitle } from "../kinds.ts";
import { didYouMean } from "../words/nearest.ts";
import { fold, printable } from "../words/text.ts";

/** What is nearest to a mistyped name tells more than how names are made. */
function hintOf(
  { hint, details: { choice } }: HotplugError,
): string | undefined {
  const near = choice && didYouMean(choice.word, choice.known);
  return near ?? hint;
}

/** What a failure answers; null stands where there is nothing to tell. */
export function failureDocument(
  error: HotplugError,
  instance: string | undefined,
): FailureDocument {
  const { code, qmp = null, device, candidates = null, settled } = error;
  const hint = hintOf(error);
  return {
    ok: false,
    instance: instance ?? null,
    error: {
      ...remarkOf({ code, message: error.message, hint, device }),
      code,
      qmp,
      candidates,
    },
    // Whole, where the guest still has it.
    device: device && exitStatus(code) === 6 ? device : null,
    ...(code === "event-timeout" && { came: false }),
    ...error.details.row,
    changed: error.changed,
    settled,
  };
}

/** Something that is left as it is: a remark, and its message by another name. */
export function remainingView(one: Remark) {
  return { what: one.message, ...one };
}

/** What a person calls a device: `disk 1 "data"`. */
export function titleOf(device: DeviceView): string {
  const index = device.index === null ? "" : ` ${device.index}`;
  const name = device.name === null ? "" : ` ${JSON.stringify(device.name)}`;
  return `${kindTitle(device.kind)}${index}${name}`;
}

/** The port a device sits behind, at its only address: its bus is the port's. */
export function portOf({ slot, bus }: DeviceView): string | undefined {
  return slot === 0 && bus !== null ? bus : undefined;
}

/** Where a device sits, as a sentence goes on; empty if that is unknown. */
export function whereOf(device: DeviceView): string {
  const { slot, scsi_id: target, bus } = device;
  const port = portOf(device);
  if (port !== undefined) return ` in port ${port}`;
  if (slot !== null) return ` in slot ${slot}`;
  return typeof target === "number" ? ` as target ${target} of ${bus}` : "";
}

/** Where a device leads to, and how it behaves, in a few words. */
export function detailsOf(device: DeviceView): string {
  const parts = kindEntry(device.kind)?.details(device) ?? [device.driver];
  return parts.filter((part) => part).join(", ");
}

function candidateText({ kind, index, uuid, id }: ToldDevice): string {
  const what = `${kindTitle(kind)} ${index ?? "-"}`;
  return `  ${what}: id ${id ?? "none"}, uuid ${uuid ?? "none"}`;
}

/** What a row of operations had done before one of them failed. */
function doneText({ details: { row } }: HotplugError): string[] {
  const done = (row?.operations ?? []).filter(({ changed }) => changed);
  return done.map(({ action, device }) =>
    `  ${action} ${device?.id ?? device?.kind ?? ""}: done before, and kept`
  );
}

/** A failure: one line, candidates, then the hint if there is one. */
export function failureText(error: HotplugError): string {
  const hint = hintOf(error);
  const { headline, names } = error;
  const lines = [
    `kvm-hotplug: ${headline}${names.length === 0 ? "" : ":"}`,
    ...names.map((name) => `  ${name}`),
    ...(error.candidates ?? []).map(candidateText),
    ...doneText(error),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ];
  return lines.map(printable).map(fold).join("\n");
}

/** A warning as a person sees it. */
export function warningText(text: string): string {
  return fold(printable(`warning: ${text}`));
}
