/**
 * Memory as callers are told of it. Pure.
 *
 * @module
 */

import { entryView, type ViewFacts } from "../plan/view.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { Runtime } from "../state/runtime.ts";
import { liveMemory, memoryOf, totalBytes } from "./live.ts";
import type { RecordedMemory } from "./recorded.ts";
import type { MemoryView } from "./view_schema.ts";

/** What only memory has, nothing known. */
export const NO_DETAILS = {
  size_bytes: null,
  requested_bytes: null,
  plugged_bytes: null,
} as const;

/** Memory that the file records, or will. */
export function memoryView(
  memory: RecordedMemory,
  { qemu }: Pick<ViewFacts, "qemu">,
): MemoryView {
  const { spanBytes, requestedBytes, hvinfo: { id, driver } } = memory;
  const live = qemu && liveMemory(qemu, id);
  const requested = driver === "pc-dimm" ? spanBytes : requestedBytes;
  return {
    kind: "memory",
    ...entryView(memory),
    size_bytes: spanBytes ?? live?.spanBytes ?? null,
    requested_bytes: requested ?? live?.requestedBytes ?? null,
    plugged_bytes: live?.pluggedBytes ?? null,
  };
}

/** What an instance has in all. */
export function memoryTotals(_runtime: Runtime, qemu: QemuFacts | undefined) {
  const { machine, devices } = qemu === undefined
    ? { machine: undefined, devices: [] }
    : memoryOf(qemu);
  return {
    memory_bytes: machine === undefined ? null : totalBytes(machine, devices),
  };
}
