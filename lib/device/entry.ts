/**
 * Entries for the runtime file, as JSON text. The object is made here or, in a
 * request of a master, by Ganeti: SPEC 2.2 and 2.3.
 *
 * @module
 */

import {
  formatJson,
  jsonArray,
  type JsonNode,
  jsonNode,
  type JsonObject,
  member,
  parseJson,
  type Plain,
} from "../state/json.ts";
import { withItem, withMember } from "../state/json_splice.ts";
import { withHvinfo, withMembers } from "../state/entry_object.ts";
import type { DiskDevice } from "./disk.ts";
import { VIRTIO_BLK } from "./disk_settings.ts";
import { hvinfoOf, type Properties } from "./hvinfo.ts";
import type { NicDevice, RecordedNic } from "./nic.ts";
import { uriObject } from "./uri_object.ts";

const MIB = 1024 * 1024;

/** The data of a disk in the runtime file; an empty drive has no source. */
export interface DiskRecord
  extends Omit<DiskDevice, "driver" | "settings" | "given"> {
  /** QEMU's name of the driver. @default virtio-blk-pci */
  readonly driver?: string | undefined;
}

/** The data of a NIC in the runtime file. */
export type NicRecord =
  & RecordedNic
  & Pick<NicDevice, "id" | "uuid" | "place" | "driver">
  & { readonly properties?: Properties | undefined };

function hvinfo(device: Parameters<typeof hvinfoOf>[0]): string {
  return formatJson(jsonNode(hvinfoOf(device)));
}

function asObject(made: Plain, given: string | undefined): JsonObject {
  const text = given ?? formatJson(jsonNode(made));
  const node = parseJson(text);
  if (node.type === "object") return node;
  throw new TypeError(`not an object: ${text}`);
}

function logicalIdOf(devType: string, resolved: string): readonly string[] {
  return [devType === "file" ? "loop" : "manual", resolved];
}

/** The identity of the disk for Ganeti: SPEC 2.3. */
function logicalId({ devType, resolved, uri }: DiskRecord): readonly string[] {
  if (uri !== undefined) return uriObject(uri).logicalId;
  return logicalIdOf(devType, resolved);
}

/**
 * The entry of a disk. From the command line its path is absolute: Ganeti's
 * next add would replace a link of ours.
 *
 * @param index place among the disks
 * @param reproducible false: Ganeti's start must not open it like a plain disk,
 * so the mode is one that the start refuses
 */
export function diskEntry(
  disk: DiskRecord,
  { index, reproducible }: { index: number; reproducible: boolean },
): string {
  const object = asObject({
    ...(disk.name === undefined ? {} : { name: disk.name }),
    dev_type: disk.devType,
    logical_id: logicalId(disk),
    iv_name: `disk/${index}`,
    size: Math.ceil(disk.sizeBytes / MIB),
    mode: reproducible ? "rw" : "ro",
    params: disk.uri === undefined ? {} : uriObject(disk.uri).params,
    uuid: disk.uuid,
  }, disk.object);
  const { driver = VIRTIO_BLK } = disk;
  const whole = withHvinfo(object, "disk", hvinfo({ ...disk, driver }));
  const [link, uri] = disk.uri === undefined
    ? [disk.source || null, null]
    : [disk.link ?? null, disk.uri];
  return formatJson(jsonArray([whole, jsonNode(link), jsonNode(uri)]));
}

/** A medium that replaces another. */
export type NewMedium =
  & Pick<DiskRecord, "devType" | "resolved" | "sizeBytes">
  & {
    /** Absolute, as given. */
    readonly path: string;
    /** As in {@linkcode diskEntry}. */
    readonly reproducible: boolean;
  };

/** An entry with another medium; everything else is unchanged. */
export function withMedium(entry: JsonNode, medium: NewMedium): string {
  const [first] = entry.type === "array" ? entry.items : [];
  if (entry.type !== "array" || first?.type !== "object") {
    throw new TypeError(`not an entry of a disk: ${formatJson(entry)}`);
  }
  const { devType, resolved, sizeBytes, path, reproducible } = medium;
  const members = {
    dev_type: devType,
    logical_id: logicalIdOf(devType, resolved),
    size: Math.ceil(sizeBytes / MIB),
    mode: reproducible ? "rw" : "ro",
  };
  let object: JsonObject = first;
  for (const [key, value] of Object.entries(members)) {
    if (member(object, key) === undefined) continue;
    object = withMember(object, key, formatJson(jsonNode(value)));
  }
  const whole = withItem(entry, 0, object);
  return formatJson(withItem(whole, 1, jsonNode(path)));
}

/**
 * The entry of a NIC, keys in Ganeti's order.
 *
 * @param given a master's object for it, without hvinfo, as JSON text
 */
export function nicEntry(nic: NicRecord, given?: string): string {
  const { name, ip, network, netinfo } = nic;
  const object = asObject({
    ...(name === undefined ? {} : { name }),
    mac: nic.mac,
    ...(ip === undefined ? {} : { ip }),
    ...(network === undefined ? {} : { network }),
    nicparams: { mode: nic.mode, link: nic.link ?? "", vlan: nic.vlan ?? "" },
    uuid: nic.uuid,
  }, given);
  const whole = netinfo === undefined
    ? object
    : withMembers(object, "nic", { netinfo });
  return formatJson(withHvinfo(whole, "nic", hvinfo(nic)));
}
