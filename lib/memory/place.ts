/**
 * Where a new DIMM or virtio-mem device goes: a slot, and a part of the guest's
 * memory. Both are chosen here, so that the record can have them before QEMU
 * has the device. Pure.
 *
 * @module
 */

import { noFreeSlot, unsupported } from "../errors.ts";
import { typedSize } from "../words/text.ts";
import type { MachineMemory } from "./live.ts";
import { BLOCK_BYTES } from "./size.ts";

const START_HINT =
  "start the VM with room: check has the words for hvparam kvm_extra";

/** What has its place already, in QEMU or in the file. */
export interface Placed {
  /** Of a DIMM. */
  readonly slot: number | undefined;
  readonly addr: number;
  readonly spanBytes: number;
}

/**
 * The lowest free slot for a DIMM.
 *
 * @throws {HotplugError} `unsupported` if the VM was started without;
 * `no-free-slot` if all are taken
 */
export function chooseDimmSlot(
  { slots }: MachineMemory,
  placed: readonly Placed[],
): number {
  if (slots === 0) {
    throw unsupported("The VM was started without slots for DIMMs", START_HINT);
  }
  const taken = new Set(placed.map(({ slot }) => slot));
  for (let slot = 0; slot < slots; slot++) {
    if (!taken.has(slot)) return slot;
  }
  throw noFreeSlot(
    `All ${slots} slots for DIMMs are taken`,
    "remove a DIMM, or start the VM with more slots",
  );
}

/** How much more the VM can have. */
export function freeBytes(
  { baseBytes, maxBytes }: MachineMemory,
  placed: readonly Placed[],
): number {
  const used = placed.reduce((sum, { spanBytes }) => sum + spanBytes, 0);
  return maxBytes - baseBytes - used;
}

/**
 * The lowest address for so much memory.
 *
 * @throws {HotplugError} `unsupported` if the VM was started without maxmem;
 * `no-free-slot` if there is no room for it
 */
export function chooseAddr(
  machine: MachineMemory,
  placed: readonly Placed[],
  spanBytes: number,
): number {
  const { region } = machine;
  if (region === undefined) {
    throw unsupported("The VM was started without maxmem", START_HINT);
  }
  const free = freeBytes(machine, placed);
  const ordered = placed.toSorted((one, other) => one.addr - other.addr);
  let addr = aligned(region.addr);
  for (const one of ordered) {
    if (addr + spanBytes <= one.addr) break;
    addr = Math.max(addr, aligned(one.addr + one.spanBytes));
  }
  const isWithin = addr + spanBytes <= region.addr + region.sizeBytes;
  if (spanBytes <= free && isWithin) return addr;
  throw noFreeSlot(
    `No room for ${typedSize(spanBytes)} more memory: the VM can have ${
      typedSize(machine.maxBytes)
    } in all, and ${typedSize(Math.max(free, 0))} of it is free`,
    "remove memory, or start the VM with a larger maxmem",
  );
}

function aligned(addr: number): number {
  return Math.ceil(addr / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The lowest number that no id of this form has: `dimm-0`. */
export function freshId(
  prefix: "dimm" | "vmem",
  taken: ReadonlySet<string>,
): string {
  for (let n = 0;; n++) {
    const id = `${prefix}-${n}`;
    if (!taken.has(id) && !taken.has(`mem-${id}`)) return id;
  }
}
