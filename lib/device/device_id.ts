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

/**
 * The id of a new device.
 *
 * @param slot PCI slot, 0 to 31
 */
export function deviceId(
  scheme: IdScheme,
  kind: "disk" | "nic",
  { uuid, slot }: { uuid: string; slot: number },
): string {
  const groups = uuid.split("-");
  const id = scheme === "design"
    ? `${kind}-${groups[0]}-pci-${slot}`
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
