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

/** The value of `hvinfo`, keys in Ganeti's order. */
export function hvinfoOf(
  { driver, id, place }: { driver: string; id: string; place: Place },
): { readonly [key: string]: Plain } {
  return { driver, id, ...addressOf(place) };
}

/** Keys of `hvinfo` that QEMU takes as a device's place: SPEC 3.2. */
const KEYS = ["bus", "addr", "channel", "scsi-id", "lun", "acpi-index"];

/** The arguments of QEMU that put a device where its entry says, to the letter. */
export function recordedAddress({ node }: DeviceEntry): Json {
  const object = node.type === "array" ? node.items[0] : node;
  const hvinfo = object && member(object, "hvinfo");
  if (hvinfo === undefined) return {};
  return Object.fromEntries(KEYS.flatMap((key) => {
    const value = member(hvinfo, key);
    const plain = value?.type === "string" || value?.type === "number";
    return plain ? [[key, value.value]] : [];
  }));
}
