/**
 * What memory is called, what it needs of the monitor, and how the end of a
 * removal is told.
 *
 * @module
 */

import type { Ending } from "../device/ending.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { Kind, OwnKind } from "../plan/kind.ts";
import type { Stray } from "../plan/recorded.ts";
import { fixedOptions } from "../state/fixed_command.ts";
import { memoryOf } from "./live.ts";
import { memdevOf, type RecordedMemory } from "./recorded.ts";
import { memoryView, NO_DETAILS } from "./view.ts";
import { MEMORY_NAME } from "./words.ts";

/** A guest's refusal to release a DIMM is an event of ACPI alone. */
function ending(): Ending {
  return {
    everyMs: 100,
    acpi: { slotType: "DIMM" },
    advice:
      "the guest must be able to put this memory offline: a Linux guest can if the memory is online as movable",
  };
}

/** A backend of the form of ours. */
const OUR_BACKEND = /^mem-(?:dimm|vmem)-\d+$/;

/** Memory that nothing records, and backends of ours without memory. */
function strays(qemu: QemuFacts, known: ReadonlySet<string>): Stray[] {
  const { devices, backends } = memoryOf(qemu);
  const kind = MEMORY_NAME.word;
  const argv = qemu.process?.argv ?? [];
  const started = new Set(fixedOptions(argv, "device").map(({ id }) => id));
  const used = new Set([
    ...devices.map(({ memdev }) => memdev),
    ...[...known].map(memdevOf),
  ]);
  return [
    ...devices.flatMap(({ id }): Stray[] => {
      if (id === undefined || known.has(id)) return [];
      const origin = started.has(id) ? "started" : "plugged";
      const pci = qemu.pci.find((one) => one.id === id);
      return [{ id, kind, has: "device", origin, ...(pci && { pci }) }];
    }),
    ...[...backends].filter((id) => OUR_BACKEND.test(id) && !used.has(id))
      .map((id): Stray => ({ id, kind, has: "backend", origin: "plugged" })),
  ];
}

const ADD = [
  "query-memory-devices",
  "object-add",
  "object-del",
  "device_add",
  "device_del",
];

/** Memory: its name, how it is told of, and how it goes. */
export const MEMORY = {
  ...MEMORY_NAME,
  taken: "if-prepared",
  sits: "elsewhere",
  needs: {
    "memory-add": ADD,
    "memory-remove": ["query-memory-devices", "device_del", "object-del"],
    "memory-set": ADD,
    "memory-resize": ["query-memory-devices", "qom-set"],
    "memory-await": ["query-memory-devices"],
  },
  giveBack: () => [],
  blank: NO_DETAILS,
  view: (device, facts) => memoryView(device as RecordedMemory, facts),
  strays,
  ending,
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;
