/**
 * The output of `list`: tables of 80 columns.
 *
 * @module
 */

import { type Remark, remarkText } from "../errors.ts";
import type { InstanceListing, ListedDevice } from "../inspect/list.ts";
import type { InstanceSummary } from "../inspect/list_all.ts";
import type { DeviceView } from "../engine/plan.ts";
import { totalsText } from "../kinds.ts";
import { detailsOf, portOf, titleOf } from "./report.ts";
import { cut, screenWidth, table, wrap } from "../words/text.ts";

/** Indent of the lines below a row. */
const INDENT = "    ";
const GAP = "  ";

/** Text, and its most important lines. */
export interface MarkedText {
  /** Without colour. */
  readonly text: string[];
  /** Indexes. */
  readonly alerts: number[];
}

function placeColumn(device: DeviceView): string {
  const { slot, scsi_id: target, bus } = device;
  const port = portOf(device);
  if (port !== undefined) return port;
  if (slot !== null) {
    return bus === null || /^pci[ae]?\.0$/.test(bus)
      ? String(slot)
      : `${bus} ${slot}`;
  }
  return typeof target === "number" ? `scsi ${target}` : "-";
}

/** Rows with the columns of every device, not wider than the screen. */
function deviceRows(devices: readonly ListedDevice[]): string[] {
  const rest = [
    ["ID", "SLOT", "STATUS"],
    ...devices.map((one) => [one.id ?? "-", placeColumn(one), one.status]),
  ];
  const taken = Math.max(...table(rest).map((line) => line.length));
  const width = Math.max(
    screenWidth() - GAP.length - taken,
    "disk 99".length,
  );
  const titles = ["DEVICE", ...devices.map(titleOf)];
  return table(rest.map((row, i) => [cut(titles[i] ?? "", width), ...row]));
}

/** The details beside their rows if all fit there, else all of them below. */
function withDetails(
  rows: readonly string[],
  details: readonly string[],
): string[][] {
  const width = Math.max(...rows.map((row) => row.length)) + GAP.length;
  const widest = Math.max(...details.map((one) => one.length));
  if (width + widest <= screenWidth()) {
    return rows.map((row, i) => [
      `${row.padEnd(width)}${details[i] ?? ""}`.trimEnd(),
    ]);
  }
  return rows.map((row, i) => [
    row,
    ...wrap(details[i] ?? "", screenWidth() - INDENT.length)
      .filter((line) => line !== "").map((line) => INDENT + line),
  ]);
}

/** The state that needs no word. */
const RUNNING = "running";

function headOf({ qemu, running }: InstanceListing): string {
  if (qemu === null) return running ? "running, not asked" : "not running";
  return [
    `QEMU ${qemu.version}`,
    qemu.machine,
    ...(qemu.pid === null ? [] : [`pid ${qemu.pid}`]),
    ...(qemu.run_state === RUNNING ? [] : [qemu.run_state]),
  ].join(", ");
}

/** Differences, each with its hint. */
function differenceLines(
  differences: readonly Remark[],
  indent: string,
): string[] {
  return differences.flatMap((one) =>
    wrap(remarkText(one), screenWidth() - indent.length)
      .map((line) => indent + line)
  );
}

/** The devices of an instance, in columns, and why a device is not ok. */
export function listingText(listing: InstanceListing): MarkedText {
  const { instance, qemu, running, devices, differences } = listing;
  const text = wrap(`${instance}: ${headOf(listing)}`, screenWidth());
  const state = running ? qemu?.run_state : RUNNING;
  const alerts = state === RUNNING ? [] : [0];
  const others = differenceLines(differences, "");
  const totals = totalsText({ ...listing });
  if (totals !== "") text.push(...wrap(totals, screenWidth()));
  if (devices.length === 0) {
    return { text: [...text, "no disks, no NICs", ...others], alerts };
  }
  const blocks = withDetails(deviceRows(devices), [
    "",
    ...devices.map(detailsOf),
  ]);
  for (const [i, lines] of blocks.entries()) {
    const status = devices[i - 1]?.status ?? "ok";
    if (status !== "ok" && qemu !== null) alerts.push(text.length);
    text.push(...lines);
    text.push(...differenceLines(devices[i - 1]?.differences ?? [], INDENT));
  }
  return { text: [...text, ...others], alerts };
}

function stateColumn({ running, state, monitor }: InstanceSummary): string {
  if (state !== null) return state;
  if (monitor === "silent" || monitor === "stopped") return monitor;
  return running ? "running" : "down";
}

/** Remarks with one hint share it. */
function attentionText(remarks: readonly Remark[]): string {
  const byHint = Map.groupBy(remarks, ({ hint }) => hint);
  return [...byHint].map(([hint, some]) => {
    const messages = some.map(({ message }) => message);
    return hint === null
      ? messages.join("; ")
      : `${messages.join(", ")}: ${hint}`;
  }).join("; ");
}

const PRESENCE_ONLY =
  "Only the presence of devices was compared; list --whole compares everything.";

/** The instances of this node, in columns, and the depth of the comparison. */
export function summariesText(
  instances: readonly InstanceSummary[],
  compared: "presence" | "whole",
): MarkedText {
  if (instances.length === 0) {
    return { text: ["no instances on this node"], alerts: [] };
  }
  const rows = instances.map((one) => [
    one.instance,
    stateColumn(one),
    one.disks === null ? "-" : String(one.disks),
    one.nics === null ? "-" : String(one.nics),
    attentionText(one.attention),
  ]);
  const alerts = instances.flatMap(({ attention }, i) =>
    attention.length === 0 ? [] : i + 1
  );
  const last = alerts.length === 0 ? "" : "ATTENTION";
  return {
    text: [
      ...table([["INSTANCE", "STATE", "DISKS", "NICS", last], ...rows]),
      ...(compared === "presence" ? ["", PRESENCE_ONLY] : []),
    ],
    alerts,
  };
}
