/**
 * Names of devices in QEMU: INTERFACE, "Device ids"; SPEC section 3.
 *
 * @module
 */

import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { isUuid, uuidWithin } from "../state/value_check.ts";

/**
 * `design`: the form of the design document; `ganeti`: the form of Ganeti 2.16
 * and newer.
 */
export const ID_SCHEMES = ["design", "ganeti"] as const;
/** One of {@linkcode ID_SCHEMES}. */
export type IdScheme = typeof ID_SCHEMES[number];

/** QEMU's limit for a node-name, which is the same string. */
const MAX_ID_LENGTH = 31;

/**
 * The future place of the device: a part of its id in the form of the design
 * document.
 */
export type IdPlace =
  /** PCI slot, 0 to 31. */
  | { readonly slot: number }
  /** Target on a SCSI bus. */
  | { readonly scsiId: number };

/** The id of a new device. */
export function deviceId(
  scheme: IdScheme,
  kind: "disk" | "nic",
  { uuid, ...place }: { uuid: string } & IdPlace,
): string {
  const groups = uuid.split("-");
  const end = "slot" in place ? `pci-${place.slot}` : `scsi-${place.scsiId}`;
  const id = scheme === "design"
    ? `${kind}-${groups[0]}-${end}`
    : `${kind}-${groups.slice(0, -2).join("-")}`;
  if (id.length <= MAX_ID_LENGTH) return id;
  throw new RangeError(`device id ${id} is longer than ${MAX_ID_LENGTH}`);
}

/** The parts of a device id. */
export interface ParsedId {
  /** The word of its kind. */
  readonly kind: "disk" | "nic";
  /** The first part of its uuid, lower case; at least 8 characters. */
  readonly uuidPart: string;
  /** The form of the id. */
  readonly scheme: IdScheme;
}

/** Ganeti 2.10 to 2.15 put `hot` before the form of the design document. */
const FORM =
  /^(?:hot)?(disk|nic)-([0-9a-f]{8}[0-9a-f-]*?)(-(?:pci|scsi)-\d+)?$/i;

/** Reads an id of kvm-hotplug or Ganeti; undefined if it has another form. */
export function parseDeviceId(id: string): ParsedId | undefined {
  const [, kind, part, place] = FORM.exec(id) ?? [];
  if (kind === undefined || part === undefined) return undefined;
  return {
    kind: kind.toLowerCase() === "disk" ? "disk" : "nic",
    uuidPart: part.toLowerCase(),
    scheme: place === undefined ? "ganeti" : "design",
  };
}

/** Whether a device of this uuid may have this id. */
export function belongsTo(uuid: string, id: string): boolean {
  const part = parseDeviceId(id)?.uuidPart;
  return part !== undefined && uuid.toLowerCase().startsWith(part);
}

/** Whether a word can only mean one particular device, now and later. */
export function isExactName(word: string): boolean {
  return isUuid(word) || parseDeviceId(word) !== undefined;
}

/** The groups of a uuid that an id keeps; the id does not have the others. */
const KEPT_GROUPS = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){0,2}(?=-|$)/;

/**
 * Uuids that fit an id, best first.
 *
 * @param fresh supplies the end of uuids of which the id has only the first
 * part
 */
export function uuidsFor(id: string, fresh: string): string[] {
  const part = KEPT_GROUPS.exec(parseDeviceId(id)?.uuidPart ?? "")?.[0] ?? "";
  const like = part + fresh.slice(part.length);
  return [uuidWithin(id) ?? like, like, fresh].map((one) => one.toLowerCase());
}

/** The form of a recorded device's id; undefined if it has no id. */
export function schemeOf(
  { hvinfo: { id } }: DeviceEntry,
): IdScheme | undefined {
  return id === undefined ? undefined : parseDeviceId(id)?.scheme ?? "ganeti";
}

/**
 * The scheme for a new device: the scheme of the recorded devices (the newest
 * of its own kind first), else the scheme of this Ganeti.
 */
export function preferredScheme(
  runtime: Runtime,
  kind: "disk" | "nic",
): IdScheme {
  const entries = kind === "disk"
    ? [...runtime.nics, ...runtime.disks]
    : [...runtime.disks, ...runtime.nics];
  const recorded = entries.map(schemeOf).findLast((one) => one !== undefined);
  return recorded ?? (runtime.hvparams.since216 ? "ganeti" : "design");
}
