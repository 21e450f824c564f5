/**
 * What a device of any kind is told of to callers.
 *
 * @module
 */

import { addrOfSlot } from "../device/bus_slot.ts";
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

/** Where a device sits; of a SCSI target, its place there. */
export function placeView(
  { bus = null, slot, ...target }: {
    readonly bus?: string | null | undefined;
    readonly slot?: number | undefined;
    readonly channel?: number | undefined;
    readonly scsiId?: number | undefined;
    readonly lun?: number | undefined;
  },
): PlaceView {
  const { channel = null, scsiId, lun = null } = target;
  return scsiId !== undefined
    ? { bus, slot: null, addr: null, channel, scsi_id: scsiId, lun }
    : slot === undefined
    ? { bus, slot: null, addr: null }
    : { bus, slot, addr: addrOfSlot(slot) };
}

/** What an entry tells of a device, whatever its kind. */
export function entryView(entry: DeviceEntry): EntryView {
  const { uuid = null, name = null, index, hvinfo } = entry;
  const { id = null, driver = null } = hvinfo;
  return { index, uuid, name, id, driver, ...placeView(hvinfo) };
}

/** A QEMU, as callers are told of it; its pid is null if it is unknown. */
export function qemuView(
  { version, machine, process, runState }: QemuFacts,
) {
  const { major, minor, micro } = version;
  return {
    version: `${major}.${minor}.${micro}`,
    machine,
    pid: process?.pid ?? null,
    run_state: runState,
  };
}

/** What {@linkcode qemuView} tells. */
export type QemuView = Readonly<ReturnType<typeof qemuView>>;
