/**
 * The runtime file: the one record from which Ganeti starts an identical QEMU
 * on another node. `[kvm_cmd, nics, hvparams, disks]`, SPEC section 2.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { type Hvparams, readHvparams } from "./hvparams.ts";
import {
  formatJson,
  type JsonArray,
  type JsonNode,
  JsonSyntaxError,
  member,
  numberMember,
  parseJson,
  stringMember,
} from "./json.ts";
import { objectOf, uuidOf } from "./entry_object.ts";
import { RuntimeFormError, upgradeRuntime } from "./upgrade.ts";

/** QEMU's data of a device: the `hvinfo` of an entry, SPEC 3.2. */
export interface Hvinfo {
  /** QEMU's name of the driver. */
  readonly driver?: string | undefined;
  /** Device id; a device without one cannot be removed. */
  readonly id?: string | undefined;
  /** e.g. `pci.0`, `scsi.0`, `rp3`. */
  readonly bus?: string | undefined;
  /** PCI slot, 0 to 31. */
  readonly slot?: number | undefined;
  /** Only for a SCSI disk; Ganeti writes 0. */
  readonly channel?: number | undefined;
  /** Only for a SCSI disk. */
  readonly scsiId?: number | undefined;
  /** Only for a SCSI disk; Ganeti writes 0. */
  readonly lun?: number | undefined;
}

/**
 * A device that a runtime file records, as an entry of a list or as words of
 * `kvm_cmd`.
 */
export interface RecordedDevice {
  /** The word of its kind: `disk`. */
  readonly kind: string;
  /** What a person calls its kind. @default its word */
  readonly called?: string | undefined;
  /**
   * Place among the devices of its kind, from 0; null for a drive that the VM
   * was started with, which is no disk of Ganeti's.
   */
  readonly index: number | null;
  /** As written; undefined for words of `kvm_cmd`: the device id names it. */
  readonly uuid?: string | undefined;
  /** As written; optional in Ganeti. */
  readonly name?: string | undefined;
  /** Empty if the device cannot be hotplugged. */
  readonly hvinfo: Hvinfo;
  /** Its number among the devices of `-device` without an id. */
  readonly anonymous?: number | undefined;
}

/**
 * What disks and NICs have in common: SPEC 2.2, 2.3. A NIC from before Ganeti
 * 2.8 gets a uuid.
 */
export interface Entry extends RecordedDevice {
  /** Place among the entries, from 0. */
  readonly index: number;
  /** The list element to the letter. */
  readonly node: JsonNode;
}

/** One disk: `[disk, link, uri]` in the file. */
export interface DiskEntry extends Entry {
  /** Element 3 of the file. */
  readonly kind: "disk";
  /** `file`, `blockdev`, `plain`, `drbd`, …: SPEC 2.3. */
  readonly devType?: string | undefined;
  /** The path that QEMU's start opens, or null for userspace access. */
  readonly link: string | null;
  /** For userspace access (`rbd:…`), else null. */
  readonly uri: string | null;
  /** The recorded size; the live size may differ. */
  readonly sizeMib?: number | undefined;
  /** `rw`; Ganeti's start refuses anything else. */
  readonly mode?: string | undefined;
}

/** One NIC. */
export interface NicEntry extends Entry {
  /** Element 1 of the file. */
  readonly kind: "nic";
  /** Not its word. */
  readonly called: "NIC";
  /** As written, in either case. */
  readonly mac?: string | undefined;
  /** `nicparams.mode`: `bridged`, `routed`, … */
  readonly mode?: string | undefined;
  /** `nicparams.link`; Ganeti writes an empty text for none. */
  readonly link?: string | undefined;
  /** `nicparams.vlan`; likewise. */
  readonly vlan?: string | undefined;
  /** As written. */
  readonly ip?: string | undefined;
  /** Uuid of the Ganeti network. */
  readonly network?: string | undefined;
}

/** An entry of the runtime file. */
export type DeviceEntry = DiskEntry | NicEntry;

/**
 * The runtime file with its meaning; `root` is the document to the letter, all
 * other members come from {@linkcode upgradeRuntime}.
 */
export interface Runtime {
  /** Changes are applied to it, and files are written from it. */
  readonly root: JsonArray;
  /** QEMU's fixed command line; numbers as their text. */
  readonly kvmCmd: readonly string[];
  /** In the order of plugging: SPEC 2.5. */
  readonly nics: readonly NicEntry[];
  /** The parameters at the start of the VM. */
  readonly hvparams: Hvparams;
  /** In the order of plugging: SPEC 2.5. */
  readonly disks: readonly DiskEntry[];
  /** Uuids of disks that are not devices of the guest: SPEC 2.3, `role`. */
  readonly firmware: readonly string[];
}

/** All entries of the lists, disks first. */
export function devicesOf(
  { disks, nics }: Pick<Runtime, "disks" | "nics">,
): DeviceEntry[] {
  return [...disks, ...nics];
}

/**
 * Larger files are refused; Ganeti's files have a few kilobytes. An understood
 * file takes 150 times its size in memory.
 */
export const MAX_RUNTIME_BYTES: number = 1024 * 1024;

function expectArray(node: JsonNode | undefined, what: string): JsonArray {
  if (node?.type === "array") return node;
  throw new RuntimeFormError(
    `${what} must be a list: it is ${node?.type ?? "missing"}`,
  );
}

/** PCI slot of QEMU's `addr`, which is hexadecimal with or without `0x`. */
export function slotOfAddr(addr: string): number | undefined {
  const hex = /^(?:0x)?([0-9a-f]{1,2})(?:\.[0-7])?$/i.exec(addr)?.[1];
  const slot = hex === undefined ? NaN : parseInt(hex, 16);
  return slot <= 31 ? slot : undefined;
}

function readHvinfo(device: JsonNode): Hvinfo {
  const hvinfo = member(device, "hvinfo");
  if (hvinfo === undefined) return {};
  const addr = stringMember(hvinfo, "addr");
  return {
    driver: stringMember(hvinfo, "driver"),
    id: stringMember(hvinfo, "id"),
    bus: stringMember(hvinfo, "bus"),
    slot: addr === undefined ? undefined : slotOfAddr(addr),
    channel: numberMember(hvinfo, "channel"),
    scsiId: numberMember(hvinfo, "scsi-id"),
    lun: numberMember(hvinfo, "lun"),
  };
}

function readNic(node: JsonNode, index: number): NicEntry {
  if (node.type !== "object") {
    throw new RuntimeFormError(
      `NIC ${index} must be an object: it is ${node.type}`,
    );
  }
  const params = member(node, "nicparams");
  return {
    kind: "nic",
    called: "NIC",
    index,
    uuid: stringMember(node, "uuid"),
    name: stringMember(node, "name"),
    hvinfo: readHvinfo(node),
    mac: stringMember(node, "mac"),
    mode: params && stringMember(params, "mode"),
    link: params && stringMember(params, "link"),
    vlan: params && stringMember(params, "vlan"),
    ip: stringMember(node, "ip"),
    network: stringMember(node, "network"),
    node,
  };
}

function pathOrNull(node: JsonNode | undefined, what: string): string | null {
  if (node === undefined || node.type === "null") return null;
  if (node.type === "string") return node.value;
  throw new RuntimeFormError(
    `${what} must be text or null: it is ${node.type}`,
  );
}

function readDisk(node: JsonNode, index: number): DiskEntry {
  const [disk, link, uri] = expectArray(node, `disk ${index}`).items;
  if (disk?.type !== "object") {
    throw new RuntimeFormError(`disk ${index} must begin with an object`);
  }
  return {
    kind: "disk",
    index,
    uuid: stringMember(disk, "uuid"),
    name: stringMember(disk, "name"),
    hvinfo: readHvinfo(disk),
    devType: stringMember(disk, "dev_type"),
    link: pathOrNull(link, `link of disk ${index}`),
    uri: pathOrNull(uri, `uri of disk ${index}`),
    sizeMib: numberMember(disk, "size"),
    mode: stringMember(disk, "mode"),
    node,
  };
}

/** Ganeti's start maps it into the machine; it cannot be plugged. */
function isFirmware(node: JsonNode): boolean {
  const object = objectOf(node);
  return object !== undefined && stringMember(object, "role") === "firmware";
}

function understand(document: JsonNode): Runtime {
  const root = expectArray(document, "the file");
  const [command, nics, hvparams, disks] = upgradeRuntime(root).items;
  const words = expectArray(command, "element 0 (kvm_cmd)").items;
  const nicNodes = expectArray(nics, "element 1 (nics)").items;
  const diskNodes = expectArray(disks, "element 3 (disks)").items;
  if (hvparams?.type !== "object") {
    throw new RuntimeFormError("element 2 (hvparams) must be an object");
  }
  return {
    root,
    kvmCmd: words.map((word) =>
      word.type === "string" ? word.value : formatJson(word)
    ),
    nics: nicNodes.map(readNic),
    hvparams: readHvparams(hvparams),
    disks: diskNodes.filter((node) => !isFirmware(node)).map(readDisk),
    firmware: diskNodes.filter(isFirmware).flatMap((node) =>
      uuidOf("disks", node) ?? []
    ),
  };
}

/**
 * Reads a runtime file's text.
 *
 * @param path only named in messages
 * @throws {HotplugError} `bad-state-file`, with the place and the reason
 */
export function parseRuntime(text: string, path: string): Runtime {
  try {
    return understand(parseJson(text));
  } catch (error) {
    if (error instanceof RuntimeFormError || error instanceof JsonSyntaxError) {
      throw new HotplugError(
        "bad-state-file",
        `Cannot understand runtime file ${path}: ${error.message}`,
        { cause: error },
      );
    }
    throw error;
  }
}

/** Whether a file has the form of Ganeti 3.1. */
export function isCurrent({ root }: Runtime): boolean {
  return upgradeRuntime(root) === root;
}

/**
 * The file's text: the document, and the text after it.
 *
 * @param tail Ganeti's ending, unless the file ended in another way
 */
export function formatRuntime(root: JsonArray, tail = "\n"): string {
  return formatJson(root) + tail;
}
