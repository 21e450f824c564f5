/**
 * Lists and errors as text for a person or one JSON document for a program:
 * INTERFACE, "JSON".
 *
 * @module
 */

import type { ErrorCode, HotplugError, QmpFault } from "../errors.ts";
import type { InstanceListing, InstanceSummary } from "../operation/list.ts";
import type { DeviceView } from "../operation/plan.ts";
import { didYouMean } from "./nearest.ts";
import { formatSize, table } from "./text.ts";

/** What a failure answers; null stands where there is nothing to tell. */
export type FailureDocument = {
  readonly ok: boolean;
  readonly instance: string | null;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly hint: string | null;
    readonly qmp: QmpFault | null;
  };
  readonly changed: boolean;
};

/** What is nearest to a mistyped name tells more than how names are made. */
function hintOf({ hint, choice }: HotplugError): string | undefined {
  const near = choice && didYouMean(choice.word, choice.known);
  return near ?? hint;
}

/** The document of a failure. */
export function failureDocument(
  error: HotplugError,
  instance: string | undefined,
): FailureDocument {
  return {
    ok: false,
    instance: instance ?? null,
    error: {
      code: error.code,
      message: error.message,
      hint: hintOf(error) ?? null,
      qmp: error.qmp ?? null,
    },
    changed: error.changed,
  };
}

/** The document of `list INSTANCE`. */
export function listingDocument(
  listing: InstanceListing,
): InstanceListing & { readonly ok: boolean } {
  return { ok: true, ...listing };
}

/** The document of `list`. */
export function summariesDocument(
  instances: readonly InstanceSummary[],
): { readonly ok: boolean; readonly instances: readonly InstanceSummary[] } {
  return { ok: true, instances };
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

/** Where a device sits, as a sentence goes on; empty if that is unknown. */
export function whereOf({ slot, scsi_id: target, bus }: DeviceView): string {
  if (slot !== null) return ` in slot ${slot}`;
  return typeof target === "number" ? ` as target ${target} of ${bus}` : "";
}

function placeColumn({ slot, scsi_id: target }: DeviceView): string {
  if (slot !== null) return String(slot);
  return typeof target === "number" ? `scsi ${target}` : "-";
}

/** Where a device leads to, in a few words. */
export function detailsOf(device: DeviceView): string {
  const { source, size_bytes: size, mac, tap, link } = device;
  const parts = device.kind === "disk"
    ? [source, typeof size === "number" ? formatSize(size) : undefined]
    : [mac, tap && `tap ${tap}`, link && `on ${link}`];
  return parts.filter((part) => part).join(", ");
}

/** A failure: one line, then the hint if there is one. */
export function failureText(error: HotplugError): string[] {
  const hint = hintOf(error);
  const lines = hint === undefined ? [] : [`hint: ${hint}`];
  return [`kvm-hotplug: ${error.message}`, ...lines];
}

/** The devices of an instance, in columns. */
export function listingText(
  { instance, qemu, devices }: InstanceListing,
): string[] {
  const head = qemu === null
    ? `${instance}: not running`
    : `${instance}: QEMU ${qemu.version}, ${qemu.machine}${
      qemu.pid === null ? "" : `, pid ${qemu.pid}`
    }`;
  if (devices.length === 0) return [head, "no disks, no NICs"];
  const rows = devices.map((device) => [
    titleOf(device),
    device.id ?? "-",
    placeColumn(device),
    device.status,
    detailsOf(device),
  ]);
  return [head, ...table([["DEVICE", "ID", "SLOT", "STATUS", ""], ...rows])];
}

/** The instances of this node, in columns. */
export function summariesText(
  instances: readonly InstanceSummary[],
): string[] {
  if (instances.length === 0) return ["no instances on this node"];
  const rows = instances.map((one) => [
    one.instance,
    one.running ? "running" : "down",
    one.disks === null ? "-" : String(one.disks),
    one.nics === null ? "-" : String(one.nics),
    one.attention ?? "",
  ]);
  return table([["INSTANCE", "STATE", "DISKS", "NICS", ""], ...rows]);
}
