/**
 * Devices as callers are told of them.
 *
 * @module
 */

import { backendOf, isEmptied } from "../device/backend.ts";
import { addrOfSlot } from "../device/bus_slot.ts";
import type { DiskDevice } from "../device/disk.ts";
import type { Place } from "../device/hvinfo.ts";
import { isParavirtual, type NicDevice } from "../device/nic.ts";
import type { DeviceView } from "../engine/plan.ts";
import type { Via } from "../host/access_record.ts";
import { type IoLimits, isLimited } from "../qmp/io_limits.ts";
import { type Size, sizeJson } from "../qmp/reading.ts";
import type {
  DeviceEntry,
  DiskEntry,
  NicEntry,
  Runtime,
} from "../state/runtime.ts";
import { type Facts, netdevOf, type QemuFacts } from "./facts.ts";

const MIB = 1024 * 1024;

function placeView(place: Place) {
  const { bus } = place;
  if ("slot" in place) {
    return { bus, slot: place.slot, addr: addrOfSlot(place.slot) };
  }
  const { channel, scsiId, lun } = place;
  return { bus, slot: null, addr: null, channel, scsi_id: scsiId, lun };
}

/** A disk that is to be plugged. */
export function newDiskView(
  disk: DiskDevice,
  { index, via, limits = {} }: {
    readonly index: number;
    readonly via: Via;
    readonly limits?: IoLimits;
  },
): DeviceView {
  return {
    kind: "disk",
    index,
    uuid: disk.uuid,
    name: disk.name ?? null,
    id: disk.id,
    driver: disk.driver,
    ...placeView(disk.place),
    source: disk.source,
    size_bytes: disk.uri === undefined ? disk.sizeBytes : null,
    format: disk.format ?? "raw",
    via,
    ...(isLimited(limits) && { limits }),
  };
}

/** A NIC that is to be plugged; its tap is known once it was made. */
export function newNicView(nic: NicDevice, index: number): DeviceView {
  return {
    kind: "nic",
    index,
    uuid: nic.uuid,
    name: nic.name ?? null,
    id: nic.id,
    driver: nic.driver,
    ...placeView(nic.place),
    mac: nic.mac,
    mode: nic.mode,
    link: nic.link ?? null,
    tap: null,
    queues: nic.queues,
    vhost: nic.vhost === "on",
    link_state: "up",
  };
}

function common(entry: DeviceEntry) {
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

/** How QEMU got at a live disk; its own path may be one made for it. */
function viaOf(
  file: string,
  { uri, uuid }: DiskEntry,
  own: ViewFacts["own"],
): Via {
  if (file.startsWith("/dev/fdset/")) return "fdset";
  if (uri !== null && !file.startsWith("/")) return "uri";
  const noted = uuid && own?.record.devices[uuid.toLowerCase()]?.via;
  return noted || "path";
}

/** Of a disk that QEMU is not asked for; MiB need not be whole. */
function recordedSize({ sizeMib }: DiskEntry): Size | null {
  if (sizeMib === undefined) return null;
  const bytes = sizeMib * MIB;
  return Number.isInteger(bytes) ? BigInt(bytes) : bytes;
}

function diskView(entry: DiskEntry, { qemu, own }: ViewFacts): DeviceView {
  const id = entry.hvinfo.id;
  const live = id === undefined ? undefined : backendOf(qemu?.block ?? [], id);
  const size = live?.sizeBytes ?? recordedSize(entry);
  return {
    kind: "disk",
    ...common(entry),
    source: entry.uri ?? entry.link,
    size_bytes: size === null ? null : sizeJson(size),
    format: live?.format ?? "raw",
    via: live === undefined ? null : viaOf(live.file, entry, own),
    ...(isLimited(live?.limits ?? {}) && { limits: live?.limits }),
    ...(isEmptied(entry, qemu?.block) ? { source: null, via: null } : {}),
  };
}

/** What was noted, else what the hvparams say: QEMU does not tell. */
function vhostOf(
  { uuid = "", hvinfo }: NicEntry,
  { own, content }: ViewFacts,
): boolean | null {
  const noted = own?.record.devices[uuid.toLowerCase()]?.vhost;
  if (noted !== undefined) return noted === "on";
  if (content === undefined || hvinfo.driver === undefined) return null;
  const { hvparams } = content.runtime;
  return hvparams.vhostNet && isParavirtual(hvinfo.driver);
}

function nicView(entry: NicEntry, facts: ViewFacts): DeviceView {
  const { uuid = "", hvinfo: { id } } = entry;
  const noted = facts.own?.record.devices[uuid.toLowerCase()];
  const netdev = id === undefined || facts.qemu === undefined
    ? undefined
    : netdevOf(facts.qemu, id)?.facts;
  return {
    kind: "nic",
    ...common(entry),
    mac: entry.mac ?? null,
    mode: entry.mode ?? null,
    // Ganeti writes an empty text where there is none.
    link: entry.link || null,
    tap: netdev?.tap ?? facts.nicFiles?.[String(entry.index)] ?? null,
    queues: netdev?.queues ?? null,
    vhost: netdev === undefined ? null : vhostOf(entry, facts),
    link_state: noted?.linkState ?? "up",
  };
}

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

/** A device of the runtime file. */
export function recordedView(entry: DeviceEntry, facts: ViewFacts): DeviceView {
  return entry.kind === "disk" ? diskView(entry, facts) : nicView(entry, facts);
}
