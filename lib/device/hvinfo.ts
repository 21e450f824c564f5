/**
 * The `hvinfo` of an entry: QEMU's data of the device. SPEC 3.2.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { exactNumber, isExactNumber } from "../qmp/exact_json.ts";
import type { Json } from "../qmp/message.ts";
import { objectOf } from "../state/entry_object.ts";
import {
  formatJson,
  type JsonMember,
  type JsonNode,
  member,
  type Plain,
} from "../state/json.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import { pciAddress, type PciPlace } from "./bus_slot.ts";

/** A place on a SCSI bus. */
export interface ScsiPlace {
  /** QEMU's id of the bus, e.g. `scsi.0`. */
  readonly bus: string;
  /** Ganeti writes 0. */
  readonly channel: number;
  /** 0 to 15 in Ganeti. */
  readonly scsiId: number;
  /** Ganeti writes 0. */
  readonly lun: number;
}

/** The place of a device. */
export type Place = PciPlace | ScsiPlace;

/**
 * The arguments that put a device at its place, for `device_add` and for
 * `-device`.
 */
export function addressOf(place: Place): { readonly [key: string]: Plain } {
  const { bus } = place;
  return "slot" in place ? pciAddress(place) : {
    bus,
    channel: place.channel,
    "scsi-id": place.scsiId,
    lun: place.lun,
  };
}

/** Properties of a device that each start must give again. */
export type Properties = { readonly [property: string]: string | number };

/**
 * The value of `hvinfo`, keys in Ganeti's order.
 *
 * @throws {HotplugError} `refused`: a property that no start can give
 */
export function hvinfoOf(
  { driver, id, place, properties = {} }: {
    readonly driver: string;
    readonly id: string;
    readonly place: Place;
    /** @default none */
    readonly properties?: Properties | undefined;
  },
): { readonly [key: string]: Plain } {
  for (const [key, value] of Object.entries(properties)) {
    if (isRecordable(String(value))) continue;
    throw refuse(
      `Cannot record ${key} ${
        JSON.stringify(value)
      }: a comma or a quote cannot be in the runtime file's hvinfo`,
    );
  }
  return { driver, id, ...addressOf(place), ...properties };
}

/**
 * Properties that a start always sets itself, whatever `hvinfo` has: SPEC 13.
 */
const SAID_BESIDE = [
  ...["driver", "id", "drive", "write-cache"],
  ...["netdev", "mac", "mq", "vectors"],
];

/** Properties that give identity, place and backend. */
const NOT_EXTRA = [
  ...["driver", "id", "bus", "addr", "channel", "scsi-id", "lun"],
  ...["drive", "write-cache", "netdev", "mac"],
];

/** The members of an entry's `hvinfo`, to the letter. */
function hvinfoMembers({ node }: Pick<DeviceEntry, "node">): JsonMember[] {
  const object = objectOf(node);
  const hvinfo = object && member(object, "hvinfo");
  return hvinfo?.type === "object" ? [...hvinfo.members] : [];
}

function plainMembers(
  entry: Pick<DeviceEntry, "node">,
): [string, string | number][] {
  return hvinfoMembers(entry).flatMap(
    ({ key, value }): [string, string | number][] => {
      if (value.type === "string") return [[key, value.value]];
      if (value.type !== "number") return [];
      // QEMU's numbers have 64 bits; a text passes them to the letter.
      const isExact = !isExactNumber(exactNumber(value.text));
      return [[key, isExact ? value.value : value.text]];
    },
  );
}

/**
 * The arguments of QEMU that make a device what its entry says, but for driver
 * and id: where it sits, and every other property, as SPEC 13 tells.
 *
 * @param lost properties that it is not to have any more
 */
export function recordedArguments(
  entry: Pick<DeviceEntry, "node">,
  lost: readonly string[] = [],
): Json {
  const none = [...SAID_BESIDE, ...lost];
  return Object.fromEntries(
    plainMembers(entry).filter(([key]) => !none.includes(key)),
  );
}

/** The further properties in an entry's `hvinfo`: SPEC 13. */
export function extraProperties(
  entry: Pick<DeviceEntry, "node">,
): Properties {
  return Object.fromEntries(
    plainMembers(entry).filter(([key]) => !NOT_EXTRA.includes(key)),
  );
}

/** A start gives them to a NIC by itself, for its number of queues. */
const OF_QUEUES = ["mq", "vectors"];

/**
 * The properties that a device loses when it is plugged again, perhaps as
 * another model.
 *
 * @param has the properties of the model; undefined: it is the same model
 */
export function lostProperties(
  entry: Pick<DeviceEntry, "node">,
  has: ReadonlySet<string> | undefined,
): string[] {
  return Object.keys(extraProperties(entry))
    .filter((key) => OF_QUEUES.includes(key) || has?.has(key) === false);
}

/** Whether Ganeti's start can pass on a text unchanged. */
export function isRecordable(text: string): boolean {
  return !/[,"']/.test(text);
}

function fault(key: string, value: JsonNode): string | undefined {
  if (value.type !== "string" && value.type !== "number") {
    return "a value must be a text or a number (on or off for a boolean)";
  }
  const isFit = !/[,"'=\s]/.test(key) && isRecordable(String(value.value));
  return isFit ? undefined : "a value must not contain a comma or a quote";
}

/**
 * Why Ganeti could not start a device with the `hvinfo` of its entry: it writes
 * the values unchanged.
 *
 * @returns undefined if it can
 */
export function hvinfoFault(
  entry: Pick<DeviceEntry, "node">,
): string | undefined {
  for (const { key, value } of hvinfoMembers(entry)) {
    const why = fault(key, value);
    if (why === undefined) continue;
    return `hvinfo has ${key} with the value ${formatJson(value)}: ${why}`;
  }
  return undefined;
}
