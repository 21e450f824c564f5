/**
 * The device that an event is about.
 *
 * @module
 */

import { isJson, type QmpEvent } from "../qmp/message.ts";
import type { RecordedDevice } from "../state/runtime.ts";

/** Names by which an event may name a device, the most reliable first. */
const DEVICE_KEYS = ["device", "id", "node-name", "name", "path", "qom-path"];

function idsOf({ data }: QmpEvent): string[] {
  return DEVICE_KEYS.flatMap((key) => {
    const value = isJson(data) ? data[key] : undefined;
    if (typeof value !== "string") return [];
    const inner = /^\/machine\/peripheral\/([^/]+)/.exec(value)?.[1];
    return [inner ?? value];
  });
}

/** The recorded device that an event is about, if it is one of these. */
export function deviceOf(
  event: QmpEvent,
  entries: readonly RecordedDevice[],
): RecordedDevice | undefined {
  const ids = idsOf(event);
  return entries.find(({ hvinfo }) =>
    hvinfo.id !== undefined && ids.includes(hvinfo.id)
  );
}
