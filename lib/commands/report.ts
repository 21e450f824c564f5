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

/** The nearest word to a mistyped name helps more than the rules for names. */
function hintOf(
  { hint, details: { choice } }: HotplugError,
): string | undefined {
  const near = choice && didYouMean(choice.word, choice.known);
  return near ?? hint;
}

/** The document of a failure; null for a missing value. */
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
    // The whole device, if the guest still has it.
    device: device && exitStatus(code) === 6 ? device : null,
    ...(code === "event-timeout" && { came: false }),
    ...error.details.row,
    changed: error.changed,
    settled,
  };
}

/**
 * A thing that is left unchanged: a remark, with its message also as `what`.
 */
export function remainingView(one: Remark) {
  return { what: one.message, ...one };
}

/** The name of a device for a person: `disk 1 "data"`. */
export function titleOf(device: DeviceView): string {
  const index = device.index === null ? "" : ` ${device.index}`;
  const name = device.name === null ? "" : ` ${JSON.stringify(device.name)}`;
  return `${kindTitle(device.kind)}${index}${name}`;
}

/** The port of a device: a device at slot 0 has the bus of its port. */
export function portOf({ slot, bus }: DeviceView): string | undefined {
  return slot === 0 && bus !== null ? bus : undefined;
}

/** The place of a device, as a sentence goes on; empty if it is unknown. */
export function whereOf(device: DeviceView): string {
  const { slot, scsi_id: target, bus } = device;
  const port = portOf(device);
  if (port !== undefined) return ` in port ${port}`;
  if (slot !== null) return ` in slot ${slot}`;
  return typeof target === "number" ? ` as target ${target} of ${bus}` : "";
}

/** The source or network of a device, and its settings, in a few words. */
export function detailsOf(device: DeviceView): string {
  const parts = kindEntry(device.kind)?.details(device) ?? [device.driver];
  return parts.filter((part) => part).join(", ");
}

function candidateText({ kind, index, uuid, id }: ToldDevice): string {
  const what = `${kindTitle(kind)} ${index ?? "-"}`;
  return `  ${what}: id ${id ?? "none"}, uuid ${uuid ?? "none"}`;
}

/** The operations of a row that were done before one failed. */
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

/** A warning for a person. */
export function warningText(text: string): string {
  return fold(printable(`warning: ${text}`));
}
