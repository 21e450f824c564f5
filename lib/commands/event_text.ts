/**
 * Events and gaps of a running VM, as a line for a person or an object for a
 * program.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { deviceOf } from "../monitor/event_device.ts";
import { recordedDevices } from "../kinds.ts";
import { readRecord, type Target } from "../plan/facts.ts";
import type { EventOrGap, Gap } from "../monitor/follow.ts";
import type { QmpEvent } from "../qmp/message.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { SeenDocument } from "./documents.ts";
import { printable } from "../words/text.ts";

/** Local time to the millisecond, as in the person's other logs. */
function clock(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map(two).join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(two).join(":");
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * Reads the recorded devices for each event. A relayed event may be about a
 * device that is not recorded any more: then the earlier devices are known,
 * too.
 */
export function recordReader(
  target: Target,
): (seen: EventOrGap) => readonly RecordedDevice[] {
  let before: readonly RecordedDevice[] = [];
  return (seen) => {
    const now = recorded(target);
    if (seen.kind === "event" && seen.relayed) return [...now, ...before];
    before = now;
    return now;
  };
}

/** The recorded devices at this time; none if the file cannot be read. */
function recorded(target: Target): readonly RecordedDevice[] {
  // Events are useful even if the file is broken.
  return recordedDevices(readRecord(target).content.runtime);
}

/** Why devices have no names from the runtime file; undefined if they have. */
export function recordFault(target: Target): string | undefined {
  const { fault } = readRecord(target);
  return fault && `${fault.message}: devices are shown by QEMU's names only`;
}

function dataText(data: QmpEvent["data"]): string {
  return Object.entries(data)
    .map(([key, value]) =>
      `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
    ).join(" ");
}

function seconds({ fromMs, toMs }: Gap): string {
  return ((toMs - fromMs) / 1000).toFixed(2);
}

/** The number of relayed and lost events in a gap. */
function relayedText({ relayed, lost }: Gap): string {
  const above = relayed === 0 ? "" : `; relayed events: ${relayed}`;
  return lost === 0 ? above : `${above}; too many to relay: ${lost}`;
}

/** A line for a person. */
export function textOf(
  seen: EventOrGap,
  entries: readonly RecordedDevice[],
): string {
  if (seen.kind === "gap") {
    const { gap } = seen;
    return printable(
      `${clock(gap.toMs)} -- gap of ${
        seconds(gap)
      } s: the monitor was used by ${gap.reason}${relayedText(gap)}`,
    );
  }
  const { event } = seen;
  const device = deviceOf(event, entries);
  const words = [
    clock(event.timestampMs),
    event.event,
    ...(device === undefined ? [] : [`[${titleOf(device)}]`]),
    dataText(event.data),
    ...(seen.relayed ? ["(relayed)"] : []),
  ].filter((word) => word !== "");
  return printable(words.join(" "));
}

/** An object for a program. */
export function documentOf(
  seen: EventOrGap,
  entries: readonly RecordedDevice[],
  instance: string,
): SeenDocument {
  const time = (ms: number) => new Date(ms).toISOString();
  if (seen.kind === "gap") {
    const { fromMs, toMs, reason, relayed, lost } = seen.gap;
    return {
      instance,
      gap: {
        from: time(fromMs),
        to: time(toMs),
        seconds: (toMs - fromMs) / 1000,
        reason,
        relayed,
        lost,
      },
    };
  }
  const { event, data, timestampMs } = seen.event;
  const device = deviceOf(seen.event, entries);
  return {
    instance,
    time: time(timestampMs),
    event,
    data,
    relayed: seen.relayed,
    device: device === undefined ? null : {
      kind: device.kind,
      index: device.index,
      uuid: device.uuid ?? null,
      name: device.name ?? null,
      id: device.hvinfo.id ?? null,
    },
  };
}
