/**
 * The meaning of Ganeti's `dev_type` for a disk: SPEC 2.3, 7.1 and 7.2.
 *
 * @module
 */

/** Other nodes may have it open too, so no host may cache it. */
const SHARED = ["blockdev", "ext", "sharedfile", "gluster"];

/** Files; all other types are block devices of the node. */
const FILES = ["file", "sharedfile", "gluster"];

/** Whether hvparam `disk_cache` has no effect for it. */
export function isShared(devType: string): boolean {
  return SHARED.includes(devType);
}

/** QEMU's driver for a disk of this type that is opened by its path. */
export function protocolDriver(devType: string): "file" | "host_device" {
  return FILES.includes(devType) ? "file" : "host_device";
}
