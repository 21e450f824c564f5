/**
 * Where a new DIMM or virtio-mem device goes: a slot, and a part of the guest's
 * memory. Both are chosen here, so that the record can have them before QEMU
 * has the device. Pure.
 *
 * @module
 */

import { type HotplugError, noFreeSlot, unsupported } from "../errors.ts";
import type { StartOption } from "../plan/kind.ts";
import { kvmExtra, startHint } from "../plan/kvm_extra.ts";
import { typedSize } from "../words/text.ts";
import type { MachineMemory } from "./live.ts";
import { BLOCK_BYTES } from "./size.ts";

/** Proposed where there is nothing, in bytes and slots. */
const USUAL_MAX_BYTES = 16 * 1024 ** 3;
const USUAL_SLOTS = 8;

/** What the next start must have to take more DIMMs. */
export function slotsOption({ slots }: MachineMemory): StartOption {
  return { option: "m", value: `slots=${slots * 2 || USUAL_SLOTS}` };
}

/** What the next start must have to take more memory; `bytes` in all. */
export function maxmemOption(
  { baseBytes, maxBytes }: MachineMemory,
  bytes = 0,
): StartOption {
  const GIB = 1024 ** 3;
  const least = Math.max(USUAL_MAX_BYTES, 4 * baseBytes, 2 * maxBytes, bytes);
  const maxmem = typedSize(Math.ceil(least / GIB) * GIB);
  return { option: "m", value: `maxmem=${maxmem}` };
}

/** What a person can do, with the words for the next start. */
function hintOf(options: readonly StartOption[], first?: string): string {
  const start = startHint(kvmExtra(options) ?? "");
  return first === undefined ? start : `${first}, or ${start}`;
}

/** The VM was started without room for any memory. */
function noRoomAtAll(machine: MachineMemory, without: string): HotplugError {
  const { slots, region } = machine;
  const options = [
    ...slots === 0 ? [slotsOption(machine)] : [],
    ...region === undefined ? [maxmemOption(machine)] : [],
  ];
  return unsupported(`The VM was started without ${without}`, hintOf(options));
}
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
  machine: MachineMemory,
  placed: readonly Placed[],
): number {
  const { slots } = machine;
  if (slots === 0) throw noRoomAtAll(machine, "slots for DIMMs");
  const taken = new Set(placed.map(({ slot }) => slot));
  for (let slot = 0; slot < slots; slot++) {
    if (!taken.has(slot)) return slot;
  }
  throw noFreeSlot(
    `All ${slots} slots for DIMMs are taken`,
    hintOf([slotsOption(machine)], "remove a DIMM"),
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
  if (region === undefined) throw noRoomAtAll(machine, "maxmem");
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
    hintOf([maxmemOption(machine)], "remove memory"),
  );
}

/** @throws {HotplugError} `unsupported` if the VM can never have as much */
export function refuseAboveMost(
  machine: MachineMemory,
  bytes: number,
  now: number,
): void {
  const { region, maxBytes } = machine;
  if (region === undefined) throw noRoomAtAll(machine, "maxmem");
  if (bytes <= maxBytes) return;
  throw unsupported(
    `Cannot set ${typedSize(bytes)} of memory: the VM can have at most ${
      typedSize(maxBytes)
    } (maxmem); it has ${typedSize(now)}`,
    hintOf([maxmemOption(machine, bytes)]),
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
