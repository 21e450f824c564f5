/**
 * The `hvinfo` of an entry: how QEMU knows the device. SPEC 3.2.
 *
 * @module
 */

import type { Plain } from "../state/json_node.ts";
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
