/**
 * What processors are called, what they need of the monitor, and how the end of
 * a removal is told.
 *
 * @module
 */

import type { Ending } from "../device/ending.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { Kind, OwnKind } from "../plan/kind.ts";
import type { Stray } from "../plan/recorded.ts";
import { fixedOptions } from "../state/fixed_command.ts";
import { idIn, PLACES, placesOf } from "./places.ts";
import type { RecordedVcpu } from "./recorded.ts";
import { NO_DETAILS, vcpuView } from "./view.ts";
import { VCPU_NAME } from "./words.ts";

/**
 * QEMU 7.2 and 10.0 send DEVICE_DELETED of the processor's inner part alone,
 * before the processor has gone: the places tell.
 */
function ending(id: string): Ending {
  return {
    asks: {
      execute: PLACES.execute,
      has: { "qom-path": `/machine/peripheral/${id}` },
    },
    everyMs: 100,
    acpi: { slotType: "CPU" },
    advice:
      "the guest may need ACPI processor hotplug, and must be able to take the processor offline",
  };
}

/** Processors that were plugged, and that nothing records. */
function strays(qemu: QemuFacts, known: ReadonlySet<string>): Stray[] {
  const started = new Set(
    fixedOptions(qemu.process?.argv ?? [], "device").map(({ id }) => id),
  );
  return placesOf(qemu).flatMap((place): Stray[] => {
    const id = idIn(place);
    if (id === undefined || known.has(id)) return [];
    const origin = started.has(id) ? "started" : "plugged";
    return [{ id, kind: VCPU_NAME.word, has: "device", origin }];
  });
}

/** Processors: their name, how they are told of, and how they go. */
export const VCPU = {
  ...VCPU_NAME,
  taken: "if-prepared",
  sits: "elsewhere",
  needs: {
    "vcpu-add": ["query-hotpluggable-cpus", "device_add", "device_del"],
    "vcpu-remove": ["query-hotpluggable-cpus", "device_del"],
    "vcpu-set": ["query-hotpluggable-cpus", "device_add", "device_del"],
  },
  giveBack: () => [],
  blank: NO_DETAILS,
  view: (device) => vcpuView(device as RecordedVcpu),
  strays,
  ending,
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;
