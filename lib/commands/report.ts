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
import { isExactNumber } from "../qmp/exact_json.ts";
import { didYouMean } from "../words/nearest.ts";
import { fold, formatSize, printable } from "../words/text.ts";

/** What is nearest to a mistyped name tells more than how names are made. */
function hintOf({ hint, choice }: HotplugError): string | undefined {
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
    changed: error.changed,
    settled,
  };
}

/** Something that is left as it is: a remark, and its message by another name. */
export function remainingView(one: Remark) {
  return { what: one.message, ...one };
}

function kindOf(device: DeviceView): string {
  return device.kind === "disk" ? "disk" : "NIC";
}

/** What a person calls a device: `disk 1 "data"`. */
export function titleOf(device: DeviceView): string {
  const index = device.index === null ? "" : ` ${device.index}`;
  const name = device.name === null ? "" : ` ${JSON.stringify(device.name)}`;
  return `${kindOf(device)}${index}${name}`;
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

function sizeText(size: unknown): string | undefined {
  if (isExactNumber(size)) return formatSize(Number(size.rawJSON));
  return typeof size === "number" ? formatSize(size) : undefined;
}

function limitsText(limits: unknown): string | undefined {
  return limits === null || typeof limits !== "object"
    ? undefined
    : Object.entries(limits).map((one) => one.join(" ")).join(", ");
}

/** Where a device leads to, and what holds it back, in a few words. */
export function detailsOf(device: DeviceView): string {
  const { source, size_bytes: size, limits, mac, tap, link } = device;
  const isCut = device.link_state === "down";
  if (device.kind === "disk" && !source && size === 0) return "no medium";
  const parts = device.kind === "disk"
    ? [source, sizeText(size), limitsText(limits)]
    : [mac, tap && `tap ${tap}`, link && `on ${link}`, isCut && "link down"];
  return parts.filter((part) => part).join(", ");
}

function candidateText({ kind, index, uuid, id }: ToldDevice): string {
  const what = `${kind === "disk" ? "disk" : "NIC"} ${index ?? "-"}`;
  return `  ${what}: id ${id ?? "none"}, uuid ${uuid ?? "none"}`;
}

/** A failure: one line, candidates, then the hint if there is one. */
export function failureText(error: HotplugError): string {
  const hint = hintOf(error);
  const lines = [
    `kvm-hotplug: ${error.message}`,
    ...(error.candidates ?? []).map(candidateText),
    ...(hint === undefined ? [] : [`hint: ${hint}`]),
  ];
  return lines.map(printable).map(fold).join("\n");
}

/** A warning as a person sees it. */
export function warningText(text: string): string {
  return fold(printable(`warning: ${text}`));
}
