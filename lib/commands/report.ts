/**
 * Devices and errors as text for a person or one JSON document for a program:
 * INTERFACE, "JSON".
 *
 * @module
 */

import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import { memberOf } from "../device/properties.ts";
import { limitsText } from "../words/limits_text.ts";
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
import { fold, formatSize, printable, sizeText } from "../words/text.ts";

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

/** To be read; undefined if it is unknown. */
function shortSize(size: unknown): string | undefined {
  if (isExactNumber(size)) return formatSize(Number(size.rawJSON));
  return typeof size === "number" ? formatSize(size) : undefined;
}

/** To the byte. */
export function sizeOf({ size_bytes: size }: DeviceView): string {
  if (isExactNumber(size)) return sizeText(BigInt(size.rawJSON));
  return typeof size === "number" ? sizeText(size) : "an unknown size";
}

/** Limits in the words of our options; undefined if there are none. */
export function limitsOf({ limits }: DeviceView): string | undefined {
  if (limits === null || typeof limits !== "object") return undefined;
  const named = Object.entries(limits).map(([name, value]) => [
    name.replaceAll("_", "-"),
    value,
  ]);
  return limitsText(Object.fromEntries(named));
}

/** How a disk behaves, where a start by Ganeti would not make it so. */
function settingsOf(device: DeviceView): string[] {
  const { unlike_start: unlike } = device;
  const names = Array.isArray(unlike) ? unlike : [];
  return ["cache", "aio", "discard"]
    .flatMap((name) => names.includes(name) ? `${name} ${device[name]}` : []);
}

/** Properties that the disk was given, in the words of our options. */
function propertiesOf(device: DeviceView): string[] {
  return DISK_PROPERTIES.flatMap(({ option }) => {
    const value = device[memberOf(option)];
    return value === null || value === undefined ? [] : `${option} ${value}`;
  });
}

/** Where a disk's data is; a disk that was moved is recorded elsewhere. */
function sourceOf({ source, live_source: live }: DeviceView): string {
  return live ? `${live} (recorded: ${source ?? "none"})` : `${source ?? ""}`;
}

function diskDetails(device: DeviceView): unknown[] {
  const { source, size_bytes: size, driver, migratable } = device;
  if (!source && size === 0) return ["no medium", driver];
  const limits = limitsOf(device);
  return [
    sourceOf(device),
    shortSize(size),
    device.format,
    driver,
    // Nobody writes to a CD-ROM.
    device.read_only && driver !== "scsi-cd" && "read-only",
    ...settingsOf(device),
    limits && `limits: ${limits}`,
    ...propertiesOf(device),
    migratable === false && "Ganeti cannot start it",
  ];
}

/** The network of a NIC that is recorded. */
function networkOf({ mode, link }: DeviceView): string | undefined {
  if (link) {
    return mode && mode !== "bridged" ? `${mode} on ${link}` : `on ${link}`;
  }
  if (mode === "routed") return "routed";
  return typeof mode === "string" ? "joined to no network" : undefined;
}

function rateText(rate: unknown): string | undefined {
  if (typeof rate === "number") return `rate ${formatSize(rate)}/s`;
  if (rate === null || typeof rate !== "object") return undefined;
  return Object.entries(rate).flatMap(([way, one]) =>
    typeof one === "number" ? `rate ${way} ${formatSize(one)}/s` : []
  ).join(", ");
}

function nicDetails(device: DeviceView): unknown[] {
  const { mac, tap, driver, queues, mtu, rate, migratable } = device;
  return [
    mac,
    tap && `tap ${tap}`,
    networkOf(device),
    driver,
    typeof queues === "number" && queues > 1 && `${queues} queues`,
    device.link_state === "down" && "link down",
    mtu && `MTU ${mtu}`,
    rateText(rate),
    migratable === false && "Ganeti cannot start it",
  ];
}

/** Where a device leads to, and how it behaves, in a few words. */
export function detailsOf(device: DeviceView): string {
  const parts = device.kind === "disk"
    ? diskDetails(device)
    : nicDetails(device);
  return parts.filter((part) => part).join(", ");
}

function candidateText({ kind, index, uuid, id }: ToldDevice): string {
  const what = `${kind === "disk" ? "disk" : "NIC"} ${index ?? "-"}`;
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
