/**
 * The `pci` command.
 *
 * @module
 */

import {
  type MapBus,
  type MapSlot,
  type PciMap,
  pciMap,
} from "../inspect/pci_map.ts";
import type { Answer, Call } from "./answer.ts";
import { optionsOf } from "./requests.ts";
import { targetOf } from "./target.ts";
import { cut, screenWidth, wrap } from "../words/text.ts";

/** `12-15 20 22-31` */
function ranges(slots: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const slot of slots) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === slot - 1) last[1] = slot;
    else runs.push([slot, slot]);
  }
  return runs.map(([a, b]) => a === b ? `${a}` : `${a}-${b}`).join(" ");
}

/** The bus behind a slot, if it is a bridge and its bus is on the map. */
function behind({ id }: MapSlot, buses: readonly MapBus[]) {
  return id === null ? undefined : buses.find(({ bus }) => bus === id);
}

function headOf({ bus, type, hotplug }: MapBus): string {
  const kind = type === "pcie" ? "PCIe" : "PCI";
  return `${bus} (${kind}, ${hotplug ? "hotplug" : "no hotplug"})`;
}

function where({ slot, function: fn }: MapSlot, slots: readonly MapSlot[]) {
  const many = slots.some((one) => one.slot === slot && one.function !== fn);
  return `${String(slot).padStart(2)}${many || fn > 0 ? `.${fn}` : "  "}`;
}

/** A port has one place, which is in the line of the port. */
function inPort(port: MapBus): string {
  if (port.port === null) return "";
  const who = port.slots.map(({ description, id }) =>
    `${description}${id === null ? "" : ` (${id})`}`
  ).join(", ");
  return `port ${port.port}: ${
    who || (port.hotplug ? "free" : "empty, no hotplug")
  }`;
}

interface Drawing {
  readonly buses: readonly MapBus[];
  readonly indent: string;
}

function drawSlot(
  one: MapSlot,
  on: MapBus,
  { buses, indent }: Drawing,
): string[] {
  const inner = behind(one, buses);
  const name = one.id ?? "";
  const slot = `${indent}${where(one, on.slots)}  `;
  const deeper = { buses, indent: `${indent}      ` };
  if (inner === undefined) {
    const id = name === "" ? "" : ` (${name})`;
    return [cut(`${slot}${one.description}${id}`)];
  }
  const below = inner.slots.some((leaf) => behind(leaf, buses));
  if (inner.port !== null && !below) {
    return [cut(`${slot}${name} ${inPort(inner)}`)];
  }
  return [cut(`${slot}${headOf(inner)}`), ...drawSlots(inner, deeper)];
}

function drawSlots(bus: MapBus, drawing: Drawing): string[] {
  const { indent } = drawing;
  const lines = bus.slots.flatMap((one) => drawSlot(one, bus, drawing));
  const kept = bus.reserved === 0
    ? []
    : [`slots below ${bus.reserved} are reserved (kvm_pci_reservations)`];
  const free = bus.port !== null || !bus.hotplug
    ? []
    : [`free: ${ranges(bus.free) || "none"}`];
  return [
    ...lines,
    ...[...free, ...kept].map((line) => `${indent} -    ${line}`),
  ];
}

function freePorts(buses: readonly MapBus[]): string[] {
  const ports = buses.filter(({ port }) => port !== null);
  if (ports.length === 0) return [];
  const free = ports.filter(({ free }) => free.length > 0)
    .map(({ bus }) => bus);
  const text = `${free.length} of ${ports.length} ports free: ${
    free.join(" ") || "none"
  }`;
  return wrap(text, screenWidth());
}

/** The map as a picture of 80 columns. */
export function mapText(
  { instance, qemu, buses }: Pick<PciMap, "instance" | "buses"> & {
    readonly qemu: Pick<PciMap["qemu"], "version" | "machine">;
  },
): string[] {
  const drawn = (bus: MapBus) =>
    buses.some(({ slots }) => slots.some(({ id }) => id === bus.bus));
  const tops = buses.filter((bus) => !drawn(bus));
  return [
    `${instance}: QEMU ${qemu.version}, ${qemu.machine}`,
    ...tops.flatMap((bus) => [
      headOf(bus),
      ...drawSlots(bus, { buses, indent: "  " }),
    ]),
    ...freePorts(buses),
  ];
}

/** The map of buses and slots. */
export async function pci(call: Call): Promise<Answer> {
  using options = optionsOf(call);
  const map = await pciMap(targetOf(call.invocation, options), options);
  return {
    text: mapText(map),
    document: { ok: true, ...map },
    warnings: map.warnings,
  };
}
