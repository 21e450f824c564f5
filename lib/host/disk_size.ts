/**
 * The largest size of a disk.
 *
 * @module
 */

/** No guest reads less than a sector; QEMU counts in sectors. */
const SECTOR_BYTES = 512;

/**
 * The largest number of whole sectors that a number of JavaScript, and of most
 * readers of JSON, holds to the byte: 8 PiB less one sector.
 */
export const MAX_DISK_BYTES: number = 2 ** 53 - SECTOR_BYTES;

const PIB = 2 ** 50;

/**
 * Why a size is not possible, as a sentence goes on: "it …"; undefined if it
 * is.
 *
 * @param sizeBytes at least 0; above 2^53 it may be rounded
 */
export function hugeFault(sizeBytes: number | bigint): string | undefined {
  if (sizeBytes <= MAX_DISK_BYTES) return undefined;
  const pib = Number((Number(sizeBytes) / PIB).toFixed(1));
  return `it has ${pib} PiB, and the largest size is ${MAX_DISK_BYTES} bytes (8 PiB less one sector)`;
}

/**
 * As {@linkcode hugeFault}, for the source of a disk, which may also be too
 * small.
 */
export function sizeFault(sizeBytes: number): string | undefined {
  if (sizeBytes === 0) return "it is empty";
  if (sizeBytes < SECTOR_BYTES) return "it is smaller than a sector";
  return hugeFault(sizeBytes);
}
