/**
 * A recorded disk that a request for a new one may mean.
 *
 * @module
 */

import { DISK_PROPERTIES } from "../device/disk_properties.ts";
import type { PropertyValues } from "../device/properties.ts";
import { openFiles } from "../host/process.ts";
import type { Source } from "../host/source.ts";
import { findEntry } from "../plan/addition.ts";
import type { Facts } from "../plan/facts.ts";
import { readProperties } from "../plan/live_properties.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { askAll } from "../qmp/query.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { readDriftFacts } from "./drift.ts";
import { readMoved, whereabouts } from "./moved.ts";
import type { DiskAdd } from "./request.ts";
import { type LivePlace, readPlaces } from "./scsi_place.ts";

/**
 * Facts that need a look at one disk of QEMU; undefined: QEMU does not tell
 * them.
 */
export interface DiskThere {
  /** Of {@linkcode DISK_PROPERTIES}, as QEMU tells them. */
  readonly properties?: PropertyValues | undefined;
  /** `on`, `off`; `auto` if the guest decides. */
  readonly writeCache?: string | number | undefined;
  /** The place of its data; undefined: the recorded place. */
  readonly movedTo?: string | undefined;
  /** Its place on a SCSI bus; undefined elsewhere. */
  readonly place?: LivePlace | undefined;
}

interface SourceFacts extends Pick<Facts, "content" | "diskIdentities"> {
  readonly source: Source;
}

/** Whether a disk is recorded with this source. */
export function hasSource(
  { source: { kind, path, identity }, diskIdentities }: SourceFacts,
  { uri, index }: DiskEntry,
): boolean {
  return kind === "uri" ? uri === path : diskIdentities[index] === identity;
}

/** The recorded disk with the uuid of a new one, else with its source. */
export function twinDisk(
  facts: SourceFacts,
  { uuid }: Pick<DiskAdd, "uuid">,
): DiskEntry | undefined {
  const { disks } = facts.content.runtime;
  return findEntry(disks, uuid.value) ??
    disks.find((one) => hasSource(facts, one));
}

/** Whether QEMU is known not to have the recorded file open. */
async function isClosed(
  { process }: Facts["qemu"],
  entry: DiskEntry,
): Promise<boolean> {
  if (process === undefined) return false;
  const { links, open } = await readDriftFacts([entry], [
    ...openFiles(process.pid),
  ]);
  const lead = links[0]?.lead?.identity;
  return lead !== undefined && open?.has(lead) === false;
}

/** Reads these facts. */
export async function readThere(
  { qemu }: Pick<Facts, "qemu">,
  entry: DiskEntry,
  qmp: QmpSession,
): Promise<DiskThere> {
  const property = (name: string) => ({
    ...propertyOf(entry.hvinfo.id ?? "", name),
    ifRefused: "nothing" as const,
  });
  const told = await askAll(qmp, {
    writeCache: property("write-cache"),
  });
  const runtime = { disks: [entry] };
  const [moved] = await readMoved({ qemu, runtime }, qmp);
  const movedTo = moved !== undefined
    ? whereabouts(moved.disk)
    : await isClosed(qemu, entry)
    ? "something else"
    : undefined;
  const { id = "", scsiId } = entry.hvinfo;
  const places = await readPlaces(qmp, scsiId === undefined ? [] : [id]);
  const properties = await readProperties(qmp, id, DISK_PROPERTIES);
  return { ...told, properties, movedTo, place: places.get(id) };
}
