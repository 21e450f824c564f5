/**
 * Sizes of memory that a guest can be given. Pure.
 *
 * @module
 */

import { type HotplugError, refuse } from "../errors.ts";
import { sizeText, typedSize } from "../words/text.ts";

/**
 * The size of a guest's memory block, Linux: Documentation/admin-guide/mm,
 * memory-hotplug. QEMU takes a DIMM of another size, and the guest refuses it
 * and every later one.
 */
export const BLOCK_BYTES: number = 128 * 1024 * 1024;

/** The multiples of a size on both sides of another, none of them 0. */
export function nearestMultiples(
  bytes: number,
  of: number,
): readonly [number, number] {
  const below = Math.max(Math.floor(bytes / of), 1) * of;
  return [below, below + of];
}

/** Why a size cannot be had, and which can be. */
export function notReached(
  what: string,
  bytes: number,
  nearest: readonly number[],
): HotplugError {
  const sizes = [...new Set(nearest)].map(typedSize).join(" and ");
  return refuse(
    `${what} cannot be ${sizeText(bytes)}`,
    `the nearest possible: ${sizes}`,
  );
}

/**
 * Refuses a DIMM that the guest would not take.
 *
 * @throws {HotplugError} `refused`, naming the nearest two
 */
export function checkDimmSize(bytes: number): void {
  if (bytes > 0 && bytes % BLOCK_BYTES === 0) return;
  throw notReached("A DIMM", bytes, nearestMultiples(bytes, BLOCK_BYTES));
}

/** What the size of a virtio-mem device may be. */
export interface Steps {
  /** Of its property block-size. */
  readonly blockBytes: number;
  /** Of its backend. */
  readonly maxBytes: number;
}

/**
 * Refuses what a virtio-mem device cannot be asked for; 0 is a size.
 *
 * @throws {HotplugError} `refused`, naming the nearest two
 */
export function checkRequestedSize(
  id: string,
  bytes: number,
  { blockBytes, maxBytes }: Steps,
): void {
  if (bytes >= 0 && bytes <= maxBytes && bytes % blockBytes === 0) return;
  throw notReached(
    `Memory ${id}`,
    bytes,
    stepsNear(bytes, {
      blockBytes,
      maxBytes,
    }),
  );
}

/** The sizes next to another that such a device can be asked for, 0 and more. */
export function stepsNear(
  bytes: number,
  { blockBytes, maxBytes }: Steps,
): readonly number[] {
  const below = Math.floor(bytes / blockBytes) * blockBytes;
  const last = Math.floor(maxBytes / blockBytes) * blockBytes;
  const both = [Math.min(below, last), Math.max(below + blockBytes, 0)];
  return both.filter((one) => one >= 0 && one <= last);
}

const FACTORS = new Map(
  ["", "k", "m", "g", "t"].map((suffix, i) => [suffix, 1024 ** i] as const),
);

/** A size as QEMU takes it on its command line, in bytes: util/cutils.c. */
export function readSize(text: string | undefined): number | undefined {
  const [, digits, suffix = ""] = /^(0x[0-9a-f]+|\d+)([kmgt]?)$/i.exec(
    text ?? "",
  ) ?? [];
  const bytes = Number(digits) * (FACTORS.get(suffix.toLowerCase()) ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
