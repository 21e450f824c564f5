/**
 * The view of a device of any kind, for callers.
 *
 * @module
 */

import { addrOfSlot } from "../device/bus_slot.ts";
import type { Confinement } from "../host/confinement.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { RecordedDevice, Runtime } from "../state/runtime.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import type { Facts, QemuFacts } from "./facts.ts";
import type { QEMU, TARGET_MEMBERS } from "./view_schema.ts";

/** The facts for a view; QEMU may not answer. */
export type ViewFacts =
  & Pick<Facts, "nicFiles">
  & {
    readonly qemu: QemuFacts | undefined;
    /** The runtime file; undefined: unknown. */
    readonly content?: { readonly runtime: Pick<Runtime, "hvparams"> };
    /** Undefined if the record could not be read. */
    readonly own?: Facts["own"] | undefined;
  };

/** The members of a view about the place of a device. */
export type PlaceView =
  & Pick<DeviceView, "bus" | "slot" | "addr">
  & ObjectOf<typeof TARGET_MEMBERS, None>;

/** The members of a view that any entry has. */
export type EntryView =
  & PlaceView
  & Pick<DeviceView, "index" | "uuid" | "name" | "id" | "driver">;

/** The place of a device; for a SCSI target, its place on the bus. */
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
  if (scsiId !== undefined) {
    return { bus, slot: null, addr: null, channel, scsi_id: scsiId, lun };
  }
  const none = { channel: null, scsi_id: null, lun: null };
  return slot === undefined
    ? { bus, slot: null, addr: null, ...none }
    : { bus, slot, addr: addrOfSlot(slot), ...none };
}

/** The data of an entry about a device of any kind. */
export function entryView(entry: RecordedDevice): EntryView {
  const { uuid = null, name = null, index, hvinfo } = entry;
  const { id = null, driver = null } = hvinfo;
  return { index, uuid, name, id, driver, ...placeView(hvinfo) };
}

/**
 * A QEMU in the form that callers get; null if its process is unknown.
 *
 * @param uidText Ganeti's note of the pool's user
 */
export function qemuView(
  { name, version, machine, process, runState, migration }: QemuFacts,
  confinement: Confinement | undefined,
  uidText: string | undefined,
): QemuView {
  const { major, minor, micro } = version;
  const known = <T>(pick: (one: Confinement) => T): T | null =>
    confinement === undefined ? null : pick(confinement);
  return {
    name,
    version: `${major}.${minor}.${micro}`,
    machine,
    pid: process?.pid ?? null,
    run_state: runState,
    migration: migration || "none",
    uid: known(({ credentials }) => credentials.uid),
    gid: known(({ credentials }) => credentials.gid),
    groups: known(({ credentials }) => credentials.groups),
    root: known(({ root }) => root),
    user_namespace: known(({ userNamespace }) => userNamespace),
    mount_namespace: known(({ mountNamespace }) => mountNamespace),
    seccomp: known(({ seccomp }) => seccomp),
    options: known(({ options }) => options),
    uid_file: uidText ?? null,
  };
}

/** The type of {@linkcode qemuView}. */
export type QemuView = Told<typeof QEMU>;
