/**
 * The least that operations on disks need of the monitor.
 *
 * @module
 */

/** By operation. */
export const DISK_NEEDS = {
  // The way to the disk may need more: ./way_path.ts.
  "disk-add": ["blockdev-add", "blockdev-del", "device_add", "device_del"],
  "disk-remove": ["device_del", "blockdev-del"],
  "disk-resize": ["block_resize"],
  // What is set may need more: ./limits.ts, ./medium.ts.
  "disk-set": [],
} as const;
