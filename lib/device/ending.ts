/**
 * The signs in QEMU that a guest has released a device, or refuses to. They are
 * data: a step of a plan has them, and a journal keeps them.
 *
 * @module
 */

import type { QmpSession } from "../qmp/client.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import { isJson, type QmpEvent } from "../qmp/message.ts";
import { ask } from "../qmp/query.ts";
import {
  list,
  numberOf,
  object as objectIn,
  text as textOf,
} from "../qmp/reading.ts";
import {
  dictionary,
  LINE,
  object,
  type Of,
  text,
  whole,
} from "../state/value_check.ts";

/** The check of an {@linkcode Ending}. */
export const isEnding = object({}, {
  // QEMU has the device while an object of the answer has these members;
  // `data.id` is member id of the object data. A question changes nothing.
  // @default whether /machine/peripheral has the id
  asks: object({
    execute: text(/^query-[a-z-]{1,57}$/),
    has: dictionary(/^[a-z][a-z.-]{0,63}$/, text(LINE)),
  }),
  // Time between two questions while no event comes, in milliseconds. @default
  // 1000
  everyMs: whole(50, 1000),
  // The guest answers by ACPI_DEVICE_OST; after a removal QEMU names only the
  // place: qapi/acpi.json. @default such events do not matter
  acpi: object({ slotType: text(/^[A-Z]{1,16}$/) }, {
    slot: text(/^\d{1,9}$/),
  }),
  // Advice that may make a guest release it. @default for a PCI device
  advice: text(LINE),
});

/** The signs that a guest has released a device. */
export type Ending = Of<typeof isEnding>;

/** Advice for a guest that does not release a PCI device. */
const ADVICE = "the guest may need a driver for PCI hotplug, or a reboot";

/** Advice that may make the guest release a device. */
export function adviceOf({ advice = ADVICE }: Ending): string {
  return advice;
}

function memberAt(value: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (inner, key) => isJson(inner) ? inner[key] : undefined,
    value,
  );
}

/** Whether QEMU has the device. */
export async function hasDevice(
  qmp: QmpSession,
  id: string,
  { asks }: Ending = {},
): Promise<boolean> {
  if (asks === undefined) return (await ask(qmp, DEVICE_IDS)).has(id);
  const members = Object.entries(asks.has);
  const shown = list(await qmp.execute(asks.execute));
  return shown.some((one) =>
    members.every(([path, value]) => memberAt(one, path) === value)
  );
}

/** Source of an ACPI_DEVICE_OST: the guest was asked to release a device. */
const EJECTION = 3;

/**
 * Statuses by which a guest refuses, ACPI 6.5, table 6.21: a failure without
 * reason; ejection not supported; in use; busy; a dependency is busy.
 */
const REFUSALS = [0x01, 0x80, 0x81, 0x82, 0x83];

/**
 * Status of a guest that is still working on it; others mean that it is done.
 */
const IN_PROGRESS = 0x84;

/**
 * The meaning of an event for a device that is to be removed: `released`;
 * `refused`; `perhaps`: ask now; undefined: none.
 */
export type Saying = "released" | "refused" | "perhaps" | undefined;

function acpiSaying({ data }: QmpEvent, id: string, acpi: Ending["acpi"]) {
  const info = objectIn(data.info);
  const isAbout = acpi !== undefined &&
    (info.device === id || (info.device === undefined &&
      info["slot-type"] === acpi.slotType && info.slot === acpi.slot));
  if (!isAbout || info.source !== EJECTION) return undefined;
  if (info.status === IN_PROGRESS) return undefined;
  return REFUSALS.includes(numberOf(info.status)) ? "refused" : "perhaps";
}

/** Reads an event. */
export function sayingOf(
  event: QmpEvent,
  id: string,
  { acpi }: Ending = {},
): Saying {
  const { event: name, data } = event;
  if (name === "ACPI_DEVICE_OST") return acpiSaying(event, id, acpi);
  // A virtio device sends two DEVICE_DELETED; the first has only the path of
  // its inner part. For a processor on QEMU 7.2 to 10.0 the only event has only
  // the path. Events of other devices do not count.
  const isAbout = data.device === id ||
    data.path === `/machine/peripheral/${id}`;
  if (!isAbout) return undefined;
  if (name === "DEVICE_DELETED") return "released";
  return name === "DEVICE_UNPLUG_GUEST_ERROR" ? "refused" : undefined;
}

/** The reason in an event by which a guest refuses, for messages. */
export function refusalText({ event, data }: QmpEvent): string {
  if (event !== "ACPI_DEVICE_OST") {
    return `${event} for ${textOf(data.path) || textOf(data.device)}`;
  }
  return `${event} with status ${numberOf(objectIn(data.info).status)}`;
}
