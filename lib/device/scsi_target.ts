/**
 * Chooses the SCSI target of a new disk: free in the runtime file, which has
 * pending removals, and on the live bus, which has the devices of `kvm_extra`
 * and the CD-ROM of the start. Pure.
 *
 * @module
 */

import { noFreeSlot, unsupported } from "../errors.ts";
import { fixedOptions } from "../state/fixed_command.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { ScsiPlace } from "./hvinfo.ts";

/** A device on a live SCSI bus. */
export interface ScsiChild {
  /** Target, by QEMU. */
  readonly scsiId: number;
  /** Device id, or the QOM path of a device without an id. */
  readonly name: string;
}

/** A live SCSI bus. */
export interface ScsiBus {
  /** Ganeti's is `scsi.0`. */
  readonly name: string;
  /** QEMU's driver of the controller, e.g. `virtio-scsi-pci`. */
  readonly controller: string;
  /** Device id of the controller, undefined if it has none. */
  readonly id: string | undefined;
  /** In the order of plugging. */
  readonly children: readonly ScsiChild[];
}

/**
 * The number of targets for Ganeti: SPEC 4.2. A higher target makes its hotplug
 * crash.
 */
const GANETI_TARGETS = 16;

/**
 * Targets of controllers that have fewer than Ganeti counts. The chip of a
 * parallel bus is itself target seven: hw/scsi/lsi53c895a.c and esp.c accept a
 * disk there, and no driver ever looks for it.
 */
const TARGETS = new Map(Object.entries({
  lsi53c895a: 7,
  lsi53c810: 7,
  dc390: 7,
  am53c974: 7,
  mptsas1068: 8,
}));

/** Ganeti's bus: SPEC 4.2. */
export const SCSI_BUS = "scsi.0";

/**
 * The bus for a new disk.
 *
 * @throws {HotplugError} `unsupported` if the VM has no such bus
 */
function chooseBus(
  buses: readonly ScsiBus[],
  wanted: string | undefined,
): ScsiBus {
  const bus = wanted === undefined
    ? buses.find(({ name }) => name === SCSI_BUS) ?? buses[0]
    : buses.find(({ name }) => name === wanted);
  if (bus !== undefined) return bus;
  const there = buses.map(({ name }) => name).join(", ");
  throw unsupported(
    wanted === undefined
      ? "The VM has no SCSI controller for the disk"
      : `The VM has no SCSI bus ${wanted}; SCSI buses: ${there || "none"}`,
    there
      ? "omit --bus to use the first bus"
      : "use --driver virtio-blk-pci, which needs no controller, or start the instance with hvparam disk_type scsi-hd",
  );
}

/** The devices on a bus: target to a word for the device. */
function takenTargets(
  recorded: readonly RecordedDevice[],
  bus: ScsiBus,
): Map<number, string> {
  const taken = new Map<number, string>();
  for (const { hvinfo, kind, index } of recorded) {
    const { scsiId, bus: name = SCSI_BUS, id } = hvinfo;
    if (scsiId === undefined || name !== bus.name) continue;
    taken.set(scsiId, id ?? `${kind} ${index}`);
  }
  for (const { scsiId, name } of bus.children) taken.set(scsiId, name);
  return taken;
}

/**
 * The place of a new disk: the requested target, else the lowest free one.
 *
 * @param facts all devices of the runtime file, and all SCSI buses of the VM
 * @param wish `--bus`, and `--slot`, the target
 * @throws {HotplugError} `no-free-slot`, with the devices on the bus;
 * `unsupported`
 */
export function chooseTarget(
  { recorded, buses }: {
    readonly recorded: readonly RecordedDevice[];
    readonly buses: readonly ScsiBus[];
  },
  wish: {
    readonly bus?: string | undefined;
    readonly target?: number | undefined;
  },
): ScsiPlace {
  const bus = chooseBus(buses, wish.bus);
  const taken = takenTargets(recorded, bus);
  const count = TARGETS.get(bus.controller) ?? GANETI_TARGETS;
  const all = Array.from({ length: count }, (_, target) => target);
  const { target = all.find((one) => !taken.has(one)) } = wish;
  if (target !== undefined && target < count && !taken.has(target)) {
    return { bus: bus.name, channel: 0, scsiId: target, lun: 0 };
  }
  const on = `${bus.name} (${bus.controller})`;
  if (target === undefined) {
    const holders = [...taken].sort(([a], [b]) => a - b)
      .map(([scsiId, holder]) => `${scsiId} ${holder}`).join(", ");
    throw noFreeSlot(
      `All targets of ${on} are in use (0 to ${count - 1}): ${holders}`,
      "remove a disk, or use --driver virtio-blk-pci",
    );
  }
  throw noFreeSlot(
    target < count
      ? `Target ${target} of ${bus.name} is taken by ${taken.get(target)}`
      : `Target ${target} of ${on} cannot be used: 0 to ${count - 1} can`,
    "omit --slot to use the first free target",
  );
}

/** Drivers that have another name in QOM than on the command line. */
const ALIASES = new Map(Object.entries({ lsi: "lsi53c895a" }));

/** QOM's name of a driver of the command line. */
export function modelOf(driver: string): string {
  return ALIASES.get(driver) ?? driver;
}

/**
 * Whether a start from the runtime file makes this bus: `kvm_cmd` has its
 * controller, from Ganeti or from `kvm_extra`.
 */
export function startsWith(kvmCmd: readonly string[], bus: ScsiBus): boolean {
  return fixedOptions(kvmCmd, "device").some(({ type, id }) =>
    modelOf(type) === bus.controller && id === bus.id
  );
}
