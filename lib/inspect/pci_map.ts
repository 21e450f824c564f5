/**
 * The map of a machine's PCI buses: the devices, and the free places. Changes
 * nothing; pure, except {@linkcode pciMap}.
 *
 * @module
 */

import { readConfinement } from "../host/confinement.ts";
import { readUidText } from "../state/uid_file.ts";
import { inSpiteOf, type Remark } from "../errors.ts";
import { freeSlots, isOn, type SlotFacts } from "../device/bus_slot.ts";
import type { PciBus } from "../device/pci_bus.ts";
import { titleOf } from "../device/select.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import type { RecordedDevice, Runtime } from "../state/runtime.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { type QemuFacts, readRecord, type Target } from "../plan/facts.ts";
import { qemuView } from "../plan/view.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import { recordedDevices, REGISTER } from "../kinds.ts";
import type { MAP_BUS, MAP_SLOT, PCI_MEMBERS } from "./pci_schema.ts";
import { nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";

/** One function on a bus. */
export type MapSlot = Told<typeof MAP_SLOT>;

/** One bus. */
export type MapBus = Told<typeof MAP_BUS>;

/** All buses of a machine. */
export interface PciMap extends ObjectOf<typeof PCI_MEMBERS, None> {
  /** The parts that the map lacks. */
  readonly warnings: readonly Remark[];
}

/** The facts of the map. */
export interface MapFacts {
  readonly qemu: Pick<QemuFacts, "pci" | "buses">;
  /** Undefined if there is no readable file. */
  readonly runtime: Runtime | undefined;
  /** QEMU's driver by device id. */
  readonly drivers: ReadonlyMap<string, string>;
}

/** Ganeti's own default for kvm_pci_reservations: SPEC section 9. */
const RESERVED = 12;

function describe(
  { id, description, vendor, device }: PciDevice,
  drivers: MapFacts["drivers"],
): string {
  const model = `${vendor.toString(16)}:${device.toString(16)}`;
  return drivers.get(id) || description || `device ${model}`;
}

function recordedBy(
  runtime: Runtime | undefined,
): readonly RecordedDevice[] {
  return runtime === undefined ? [] : recordedDevices(runtime);
}

function liveSlot(one: PciDevice, facts: MapFacts): MapSlot {
  const entry = recordedBy(facts.runtime)
    .find(({ hvinfo }) => one.id !== "" && hvinfo.id === one.id);
  return {
    slot: one.slot,
    function: one.function,
    id: one.id || null,
    description: entry ? titleOf(entry) : describe(one, facts.drivers),
    seen: "in-qemu",
  };
}

/**
 * Devices that the file has on a bus and QEMU lacks: their slots stay taken.
 */
function absent({ runtime, qemu }: MapFacts, name: string): MapSlot[] {
  return recordedBy(runtime).flatMap((entry) => {
    const { id = null, slot, bus } = entry.hvinfo;
    if (bus !== name || slot === undefined) return [];
    if (qemu.pci.some((one) => one.id === id)) return [];
    const description = `${titleOf(entry)} (recorded, not in QEMU)`;
    return [{ slot, function: 0, id, description, seen: "recorded" as const }];
  });
}

function sorted(slots: MapSlot[]): MapSlot[] {
  return slots.sort((a, b) => a.slot - b.slot || a.function - b.function);
}

function mapBus(bus: PciBus, slots: SlotFacts, facts: MapFacts): MapBus {
  const here = facts.qemu.pci.filter((one) => isOn(one, bus));
  return {
    bus: bus.name,
    type: bus.type,
    kind: bus.kind,
    port: bus.number ?? null,
    hotplug: bus.hotplug === "on",
    reserved: bus.kind === "root" && bus.hotplug === "on"
      ? slots.reservations
      : 0,
    slots: sorted([
      ...here.map((one) => liveSlot(one, facts)),
      ...absent(facts, bus.name),
    ]),
    free: freeSlots(slots, bus),
  };
}

/** Buses that QEMU does not find by a name: no device can be plugged there. */
function namelessBuses(facts: MapFacts): MapBus[] {
  const { pci, buses } = facts.qemu;
  const names = pci.map(({ behind }) => behind)
    .filter((name) => name && !buses.some((bus) => bus.name === name));
  return [...new Set(names)].map((name) => ({
    bus: name,
    type: "pci",
    kind: name.startsWith("(bus") ? "root" : "bridge",
    port: null,
    hotplug: false,
    reserved: 0,
    slots: sorted(
      pci.filter(({ behind }) => behind === name)
        .map((one) => liveSlot(one, facts)),
    ),
    free: [],
  }));
}

function slotFacts(
  { qemu, runtime }: Pick<MapFacts, "qemu" | "runtime">,
): SlotFacts {
  return {
    recorded: recordedBy(runtime),
    live: qemu.pci,
    buses: qemu.buses,
    reservations: runtime?.hvparams.pciReservations ?? RESERVED,
  };
}

/** The number of free slots of each bus that supports hotplug. */
export function countFreeSlots(
  facts: Pick<MapFacts, "qemu" | "runtime">,
): (Pick<MapBus, "bus" | "kind"> & { readonly free: number })[] {
  const slots = slotFacts(facts);
  return facts.qemu.buses.filter(({ hotplug }) => hotplug === "on")
    .map((bus) => {
      const { name, kind } = bus;
      return { bus: name, kind, free: freeSlots(slots, bus).length };
    });
}

/** Draws the map. */
export function mapBuses(facts: MapFacts): MapBus[] {
  const { qemu } = facts;
  const slots = slotFacts(facts);
  return [
    ...qemu.buses.map((bus) => mapBus(bus, slots, facts)),
    ...namelessBuses(facts),
  ];
}

/**
 * Asks a VM for its buses.
 *
 * @throws {HotplugError} status 4
 */
export async function pciMap(
  target: Target,
  options: MonitorOptions,
): Promise<PciMap> {
  const { label, kind, paths } = target;
  // The map is most useful if the file is broken.
  const { content, fault } = readRecord(target);
  const known = kind === "instance" && fault === undefined;
  const runtime = known ? content.runtime : undefined;
  try {
    using qmp = await openInstanceMonitor(paths, options);
    const answer = await askQemu(qmp, paths, REGISTER);
    const qemu = await answer();
    const uidText = kind === "instance" ? readUidText(paths) : undefined;
    const confinement = qemu.process && readConfinement(qemu.process);
    return {
      instance: label,
      qemu: qemuView(qemu, confinement, uidText),
      buses: mapBuses({ qemu, runtime, drivers: qemu.drivers }),
      warnings: fault === undefined
        ? []
        : [inSpiteOf(fault, "the map shows QEMU's devices")],
    };
  } catch (error) {
    throw nothingChanged(error);
  }
}
