/**
 * What brings a guest's memory to a size: the whole operations of `memory set`.
 * Pure.
 *
 * @module
 */

import type { LiveMemory, MachineMemory } from "./live.ts";
import { totalBytes } from "./live.ts";
import { BLOCK_BYTES, notReached, stepsNear } from "./size.ts";

/** One whole operation. */
export type MemoryChange =
  | { readonly do: "add"; readonly sizeBytes: number }
  | { readonly do: "remove"; readonly id: string }
  | {
    readonly do: "resize";
    readonly id: string;
    readonly requestedBytes: number;
  };

/** A DIMM that can be removed. */
interface Removable {
  readonly id: string;
  readonly bytes: number;
}

/**
 * Sums of some of these DIMMs, with the fewest that make each: of as many, the
 * youngest.
 */
function sums(dimms: readonly Removable[]): Map<number, readonly string[]> {
  const found = new Map<number, readonly string[]>([[0, []]]);
  for (const { id, bytes } of dimms.toReversed()) {
    for (const [sum, ids] of [...found]) {
      const known = found.get(sum + bytes);
      if (known !== undefined && known.length <= ids.length + 1) continue;
      found.set(sum + bytes, [...ids, id]);
    }
  }
  return found;
}

/** The largest of some below a bound, and the smallest above it. */
function around(sizes: Iterable<number>, bound: number): number[] {
  const all = [...sizes].toSorted((one, other) => one - other);
  const below = all.findLast((one) => one < bound);
  const above = all.find((one) => one > bound);
  return [below, above].filter((one) => one !== undefined);
}

function byVirtioMem(
  device: LiveMemory & { readonly id: string },
  bytes: number,
  othersBytes: number,
): MemoryChange[] {
  const wanted = bytes - othersBytes;
  const { id, requestedBytes, pluggedBytes, spanBytes } = device;
  const { blockBytes = BLOCK_BYTES } = device;
  const steps = { blockBytes, maxBytes: spanBytes };
  if (wanted < 0 || wanted > spanBytes || wanted % blockBytes !== 0) {
    const nearest = stepsNear(wanted, steps).map((one) => one + othersBytes);
    throw notReached("The guest's memory", bytes, nearest);
  }
  return wanted === requestedBytes && wanted === pluggedBytes
    ? []
    : [{ do: "resize", id, requestedBytes: wanted }];
}

/**
 * The operations that bring the guest's memory to a size, by the virtio-mem
 * device if there is one, else by DIMMs; none: it has that size.
 *
 * @throws {HotplugError} `refused`, naming the nearest two sizes
 */
export function memoryChanges(
  machine: MachineMemory,
  devices: readonly LiveMemory[],
  bytes: number,
): readonly MemoryChange[] {
  const now = totalBytes(machine, devices);
  const virtioMem = devices.find((one) => one.driver === "virtio-mem-pci");
  if (virtioMem?.id !== undefined) {
    const { id } = virtioMem;
    const others = now - virtioMem.pluggedBytes;
    return byVirtioMem({ ...virtioMem, id }, bytes, others);
  }
  const more = bytes - now;
  if (more === 0) return [];
  if (more > 0) {
    if (more % BLOCK_BYTES === 0) return [{ do: "add", sizeBytes: more }];
    const below = now + Math.floor(more / BLOCK_BYTES) * BLOCK_BYTES;
    const nearest = [below, below + BLOCK_BYTES]
      .filter((one) => one <= Math.max(machine.maxBytes, now));
    throw notReached("The guest's memory", bytes, nearest);
  }
  const dimms = devices.flatMap((one): Removable[] =>
    one.driver === "pc-dimm" && one.id !== undefined
      ? [{ id: one.id, bytes: one.pluggedBytes }]
      : []
  );
  const all = sums(dimms);
  const ids = all.get(-more);
  if (ids !== undefined) return ids.map((id) => ({ do: "remove", id }));
  const reachable = [...all.keys()].map((sum) => now - sum);
  throw notReached("The guest's memory", bytes, around(reachable, bytes));
}
