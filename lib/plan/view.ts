/**
 * What a device of any kind is told of to callers.
 *
 * @module
 */

import { addrOfSlot } from "../device/bus_slot.ts";
import type { Place } from "../device/hvinfo.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import type { Facts, QemuFacts } from "./facts.ts";

/** What a view is made from; QEMU may be out of reach. */
export type ViewFacts =
  & Pick<Facts, "nicFiles">
  & {
    readonly qemu: QemuFacts | undefined;
    /** The runtime file; undefined: nothing is told of it. */
    readonly content?: { readonly runtime: Pick<Runtime, "hvparams"> };
    /** Undefined if the record could not be read. */
    readonly own?: Facts["own"] | undefined;
  };

/** The members of a view that tell where a device sits. */
export interface PlaceView extends Pick<DeviceView, "bus" | "slot" | "addr"> {
  /** On a SCSI bus only, as the two below. */
  readonly channel?: number | null;
  /** The target. */
  readonly scsi_id?: number;
  /** The unit. */
  readonly lun?: number | null;
}

/** The members of a view that any entry has. */
export type EntryView =
  & PlaceView
  & Pick<DeviceView, "index" | "uuid" | "name" | "id" | "driver">;

/** Where a device sits. */
export function placeView(place: Place): PlaceView {
  const { bus } = place;
  if ("slot" in place) {
    return { bus, slot: place.slot, addr: addrOfSlot(place.slot) };
  }
  const { channel, scsiId, lun } = place;
  return { bus, slot: null, addr: null, channel, scsi_id: scsiId, lun };
}

/** What an entry tells of a device, whatever its kind. */
export function entryView(entry: DeviceEntry): EntryView {
  const { uuid, name, index, hvinfo } = entry;
  const { slot } = hvinfo;
  return {
    index,
    uuid: uuid ?? null,
    name: name ?? null,
    id: hvinfo.id ?? null,
    driver: hvinfo.driver ?? null,
    bus: hvinfo.bus ?? null,
    ...(hvinfo.scsiId === undefined
      ? {
        slot: slot ?? null,
        addr: slot === undefined ? null : addrOfSlot(slot),
      }
      : {
        slot: null,
        addr: null,
        channel: hvinfo.channel ?? null,
        scsi_id: hvinfo.scsiId,
        lun: hvinfo.lun ?? null,
      }),
  };
}
