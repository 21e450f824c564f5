/**
 * Names of devices in QEMU: INTERFACE, "Device ids"; SPEC section 3.
 *
 * @module
 */

import type { DeviceEntry, Runtime } from "../state/runtime.ts";

/** `design`: the design document's form; `ganeti`: what Ganeti 2.16+ uses. */
export type IdScheme = "design" | "ganeti";

/** The words of `--id-scheme`. */
export const ID_SCHEMES: readonly IdScheme[] = ["design", "ganeti"];

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

function schemeOf(entry: DeviceEntry): IdScheme | undefined {
  const id = entry.hvinfo.id;
  if (id === undefined) return undefined;
  return /-(?:pci|scsi)-\d+$/.test(id) ? "design" : "ganeti";
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
