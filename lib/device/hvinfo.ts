/**
 * The `hvinfo` of an entry: how QEMU knows the device. SPEC 3.2.
 *
 * @module
 */

import type { Json } from "../qmp/message.ts";
import { member, type Plain } from "../state/json.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import { pciAddress, type PciPlace } from "./bus_slot.ts";

/** A place on a SCSI bus. */
export interface ScsiPlace {
  /** QEMU's id of it, e.g. `scsi.0`. */
  readonly bus: string;
  /** Ganeti writes 0. */
  readonly channel: number;
  /** 0 to 15 in Ganeti. */
  readonly scsiId: number;
  /** Ganeti writes 0. */
  readonly lun: number;
}

/** Where a device sits. */
export type Place = PciPlace | ScsiPlace;

/** The arguments that put a device there, of `device_add` as of `-device`. */
export function addressOf(place: Place): { readonly [key: string]: Plain } {
  const { bus } = place;
  return "slot" in place ? pciAddress(place) : {
    bus,
    channel: place.channel,
    "scsi-id": place.scsiId,
    lun: place.lun,
  };
}

/** Properties of a device that each start has to give it again. */
export type Properties = { readonly [property: string]: string | number };

/** The value of `hvinfo`, keys in Ganeti's order. */
export function hvinfoOf(
  { driver, id, place, properties = {} }: {
    readonly driver: string;
    readonly id: string;
    readonly place: Place;
    /** @default none */
    readonly properties?: Properties | undefined;
  },
): { readonly [key: string]: Plain } {
  return { driver, id, ...addressOf(place), ...properties };
}

/** What a start says in its own words, whatever `hvinfo` has: SPEC 13. */
const SAID_BESIDE = [
  ...["driver", "id", "drive", "write-cache"],
  ...["netdev", "mac", "mq", "vectors"],
];

/**
 * The arguments of QEMU that make a device what its entry says, but for driver
 * and id: where it sits, and every other property, as SPEC 13 tells.
 */
export function recordedArguments({ node }: DeviceEntry): Json {
  const object = node.type === "array" ? node.items[0] : node;
  const hvinfo = object && member(object, "hvinfo");
  if (hvinfo?.type !== "object") return {};
  return Object.fromEntries(hvinfo.members.flatMap(({ key, value }) => {
    const isPlain = value.type === "string" || value.type === "number";
    return isPlain && !SAID_BESIDE.includes(key) ? [[key, value.value]] : [];
  }));
}

/**
 * Why Ganeti could not start a device with the arguments that its entry has:
 * it writes the values as they are.
 *
 * @returns undefined if it can
 */
export function argumentFault(args: Json): string | undefined {
  const bad = Object.entries(args).find(([key, value]) =>
    /[,"'=\s]/.test(key) || /[,"']/.test(String(value))
  );
  if (bad === undefined) return undefined;
  const [key, value] = bad;
  return `hvinfo has ${key} with the value ${
    JSON.stringify(value)
  }: a comma or a quote cannot be in it`;
}
