/**
 * Names of devices in QEMU: INTERFACE, "Device ids"; SPEC section 3.
 *
 * @module
 */

import type { DeviceEntry, Runtime } from "../state/runtime.ts";
import { isUuid, uuidWithin } from "../state/value_check.ts";

/** `design`: the design document's form; `ganeti`: what Ganeti 2.16+ uses. */
export const ID_SCHEMES = ["design", "ganeti"] as const;
/** One of {@linkcode ID_SCHEMES}. */
export type IdScheme = typeof ID_SCHEMES[number];

/** QEMU's limit for a node-name, which is the same string. */
const MAX_ID_LENGTH = 31;

/** Where the device will sit: part of its id in the design document's form. */
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

/** What a device id tells of its device. */
export interface ParsedId {
  /** The word of its kind. */
  readonly kind: "disk" | "nic";
  /** How its uuid begins, lower case; at least 8 characters. */
  readonly uuidPart: string;
  /** The form it has. */
  readonly scheme: IdScheme;
}

/** Ganeti 2.10 to 2.15 put `hot` before the design document's form. */
const FORM =
  /^(?:hot)?(disk|nic)-([0-9a-f]{8}[0-9a-f-]*?)(-(?:pci|scsi)-\d+)?$/i;

/** Reads an id of ours or Ganeti's; undefined if it is of another form. */
export function parseDeviceId(id: string): ParsedId | undefined {
  const [, kind, part, place] = FORM.exec(id) ?? [];
  if (kind === undefined || part === undefined) return undefined;
  return {
    kind: kind.toLowerCase() === "disk" ? "disk" : "nic",
    uuidPart: part.toLowerCase(),
    scheme: place === undefined ? "ganeti" : "design",
  };
}

/** Whether a device of this uuid can have got this id. */
export function belongsTo(uuid: string, id: string): boolean {
  const part = parseDeviceId(id)?.uuidPart;
  return part !== undefined && uuid.toLowerCase().startsWith(part);
}

/** Whether a word can only mean one particular device, now or never again. */
export function isExactName(word: string): boolean {
  return isUuid(word) || parseDeviceId(word) !== undefined;
}

/** The groups of a uuid that an id keeps; the others are the device's alone. */
const KEPT_GROUPS = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){0,2}(?=-|$)/;

/**
 * Uuids that fit an id, best first.
 *
 * @param fresh ends those of which the id has only the begin
 */
export function uuidsFor(id: string, fresh: string): string[] {
  const part = KEPT_GROUPS.exec(parseDeviceId(id)?.uuidPart ?? "")?.[0] ?? "";
  const like = part + fresh.slice(part.length);
  return [uuidWithin(id) ?? like, like, fresh].map((one) => one.toLowerCase());
}

/** The form of a recorded device's id; undefined if it has none. */
export function schemeOf(
  { hvinfo: { id } }: DeviceEntry,
): IdScheme | undefined {
  return id === undefined ? undefined : parseDeviceId(id)?.scheme ?? "ganeti";
}

/**
 * The scheme for a new device: that of the devices already recorded (the
 * newest of its own kind first), else what this Ganeti uses.
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
