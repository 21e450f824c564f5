/**
 * Disks in the form that callers get. Pure.
 *
 * @module
 */

import { backendOf, groupOf, isEmptied } from "../device/backend.ts";
import { cacheMode, cacheWord, unlikeStart } from "../device/disk_settings.ts";
import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import {
  blankProperties,
  propertiesIn,
  propertyView,
} from "../device/properties.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import type { DiskDevice } from "../device/disk.ts";
import type { Via } from "../host/access_record.ts";
import { entryView, placeView, type ViewFacts } from "../plan/view.ts";
import { type IoLimits, isLimited, limitsIn } from "../device/io_limits.ts";
import { type Size, sizeJson, text } from "../qmp/reading.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { noteOn } from "../state/own_check.ts";
import { diskNotes } from "./note.ts";
import { liveDrive, type StartedDrive } from "./started.ts";
import type { DiskView } from "./view_schema.ts";

const MIB = 1024 * 1024;

/** The members that only disks have, all unknown. */
export const NO_DETAILS = {
  source: null,
  live_source: null,
  size_bytes: null,
  format: null,
  via: null,
  read_only: null,
  cache: null,
  aio: null,
  discard: null,
  limits: null,
  limit_group: null,
  ...blankProperties(DISK_PROPERTIES),
  unlike_start: null,
  migratable: null,
  tray: null,
} as const;

/** A drive without a medium. */
export const NO_MEDIUM = {
  source: null,
  size_bytes: 0,
  format: null,
  via: null,
  cache: null,
  aio: null,
  discard: null,
} as const;

/**
 * The behaviour of a live disk, which QEMU does not tell. Undefined if it is
 * unknown: QEMU's process is unknown, or `adopt` found the disk.
 */
export function untold(
  { uuid = "" }: DiskEntry,
  { qemu, own, content }: ViewFacts,
): { aio?: string | undefined; discard?: string | undefined } {
  if (qemu?.process === undefined || own === undefined) return {};
  const { aio, discard } = diskNotes(noteOn(own.record, uuid.toLowerCase()));
  const { origin, diskAio, diskDiscard } = content?.runtime.hvparams ?? {};
  if (origin === "adopt") return { aio, discard };
  return { aio: aio ?? diskAio, discard: discard ?? diskDiscard };
}

/** The members of a view that a start by Ganeti would change. */
function unlike(
  { cache, aio, discard, read_only: isReadOnly, driver }: Partial<DiskView>,
  { hvparams, devType = "" }: {
    readonly hvparams: Hvparams;
    readonly devType?: string | undefined;
  },
): string[] {
  const { diskCache, diskAio, diskDiscard } = hvparams;
  const settings = {
    cache: text(cache) || diskCache,
    aio: text(aio) || diskAio,
    discard: text(discard) || diskDiscard,
    access: isReadOnly && driver !== "scsi-cd" ? "ro" as const : "rw" as const,
  };
  return unlikeStart(settings, hvparams, devType)
    .map((name) => name.replaceAll("-", "_"));
}

/** Limits by the names in documents; null if there are none. */
export function limitsView(limits: IoLimits): Record<string, number> | null {
  if (!isLimited(limits)) return null;
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [
      name.replaceAll("-", "_"),
      value,
    ]),
  );
}

/**
 * A disk that will be plugged.
 *
 * @param via null for a drive without a medium
 */
export function newDiskView(
  disk: DiskDevice,
  { index, via, limits = {}, limitGroup, migratable, hvparams }: {
    readonly hvparams: Hvparams;
    readonly index: number;
    readonly via: Via | null;
    readonly limits?: IoLimits | undefined;
    readonly limitGroup?: string | undefined;
    readonly migratable: boolean;
  },
): DiskView {
  const { aio, discard, access } = disk.settings;
  const cache = cacheWord(cacheMode(disk.settings.cache, disk.devType));
  const settings = { read_only: access === "ro", cache, aio, discard };
  return {
    ...NO_DETAILS,
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
    ...settings,
    limits: limitsView(limits),
    limit_group: limitGroup ?? null,
    ...propertyView(DISK_PROPERTIES, disk.given ?? {}),
    unlike_start: unlike(
      { ...settings, driver: disk.driver },
      { hvparams, devType: disk.devType },
    ),
    migratable,
    ...(via === null && NO_MEDIUM),
  };
}

/**
 * How QEMU opened a live disk; its own path may be one that was made for it.
 */
export function viaOf(
  file: string,
  { uri, uuid }: DiskEntry,
  own: ViewFacts["own"],
): Via {
  if (file.startsWith("/dev/fdset/")) return "fdset";
  if (uri !== null && !file.startsWith("/")) return "uri";
  const noted = uuid && noteOn(own?.record, uuid.toLowerCase())?.via;
  return noted || "path";
}

function cacheOf(live: BlockBackend | undefined): string | null {
  if (live?.cache === undefined) return null;
  const { direct, writeback } = live.cache;
  return cacheWord({ direct, writeCache: writeback ? "on" : "off" });
}

/** Size of a disk about which QEMU is not asked; MiB need not be whole. */
function recordedSize({ sizeMib }: DiskEntry): Size | null {
  if (sizeMib === undefined) return null;
  const bytes = sizeMib * MIB;
  return Number.isInteger(bytes) ? BigInt(bytes) : bytes;
}

/** A disk of the runtime file. */
export function diskView(
  entry: DiskEntry,
  facts: ViewFacts,
): DiskView {
  const { qemu, own, content } = facts;
  const id = entry.hvinfo.id;
  const live = id === undefined ? undefined : backendOf(qemu?.block ?? [], id);
  const limits = limitsIn(live ?? {});
  const size = live?.sizeBytes ?? recordedSize(entry);
  const isEmpty = isEmptied(entry, qemu?.block);
  const { aio = null, discard = null } = live === undefined || isEmpty
    ? {}
    : untold(entry, facts);
  const settings = {
    ...{ read_only: live?.readOnly ?? null, cache: cacheOf(live) },
    ...{ aio, discard },
  };
  return {
    ...NO_DETAILS,
    kind: "disk",
    ...entryView(entry),
    source: entry.uri ?? entry.link,
    size_bytes: size === null ? null : sizeJson(size),
    format: live?.format ?? "raw",
    via: live === undefined ? null : viaOf(live.file, entry, own),
    ...settings,
    limits: limitsView(limits),
    limit_group: live && groupOf(qemu?.block ?? [], live) || null,
    ...propertyView(DISK_PROPERTIES, propertiesIn(DISK_PROPERTIES, entry)),
    unlike_start: live === undefined || content === undefined
      ? null
      : unlike({ ...settings, driver: entry.hvinfo.driver ?? null }, {
        hvparams: content.runtime.hvparams,
        devType: entry.devType,
      }),
    // Ganeti's start refuses an entry with another mode.
    migratable: (entry.mode ?? "rw") === "rw",
    tray: live?.tray ?? null,
    ...(isEmpty && NO_MEDIUM),
  };
}

/** How QEMU opened the medium of a drive that the VM was started with. */
function startedVia(file: string): Via {
  if (file.startsWith("/dev/fdset/")) return "fdset";
  return file.startsWith("/") ? "path" : "uri";
}

/** A drive that the VM was started with. */
export function startedView(
  drive: StartedDrive,
  { qemu }: Pick<ViewFacts, "qemu">,
): DiskView {
  const live = liveDrive(qemu?.block ?? [], drive);
  const isEmpty = (live?.nodeName ?? drive.medium) === (live ? "" : null);
  const { sizeBytes, file = "" } = live ?? {};
  return {
    ...NO_DETAILS,
    kind: "disk",
    ...entryView(drive),
    source: drive.medium ?? (file || null),
    size_bytes: sizeBytes === undefined ? null : sizeJson(sizeBytes),
    format: live?.format ?? "raw",
    via: live === undefined ? null : startedVia(file),
    read_only: live?.readOnly ?? null,
    cache: cacheOf(live),
    migratable: true,
    tray: live?.tray ?? null,
    ...(isEmpty && NO_MEDIUM),
  };
}
