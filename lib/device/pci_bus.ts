/**
 * The PCI buses of a machine: the existing buses, the buses that accept a
 * device while the VM runs, and the usual buses of new devices. Pure.
 *
 * @module
 */

import type { PciDevice } from "../qmp/pci_query.ts";

/** The root bus of machine type pc (i440FX), which supports hotplug. */
export const PC_BUS = "pci.0";

/** The root bus of a PCIe machine, which never supports hotplug. */
export const PCIE_BUS = "pcie.0";

/**
 * A `port` has one place, for a device or a whole bus; a `switch` is the bus
 * between the upstream port of a PCIe switch and its downstream ports.
 */
export type PciBusKind = "root" | "port" | "switch" | "bridge";

/** A bus that QEMU finds by its name. */
export interface PciBus {
  /** The value of `bus` in `device_add`. */
  readonly name: string;
  /** The kind of its owner. */
  readonly kind: PciBusKind;
  /** `pcie`: point to point. */
  readonly type: "pci" | "pcie";
  /** Whether it accepts devices while the VM runs. */
  readonly hotplug: "on" | "off";
  /**
   * Whether QEMU removes devices from it; a removed device may find no room to
   * come back.
   */
  readonly unplug: "on" | "off";
  /**
   * `shpc`: a bridge with a controller of its own, for which the guest needs a
   * driver; common kernels have none.
   */
  readonly by: "acpi-or-port" | "shpc";
  /** Slots for plugged devices, both bounds included. */
  readonly slots: { readonly first: number; readonly last: number };
  /**
   * The number of a port for a person: property `port`, or a part of its name.
   */
  readonly number?: number | undefined;
  /** Name of the bus of its bridge, and the slot there. */
  readonly above?: { readonly bus: string; readonly slot: number } | undefined;
  /**
   * `hidden`: firmware has not numbered the bus yet, so query-pci does not show
   * its devices.
   */
  readonly devices: "none" | "shown" | "hidden";
}

/** QEMU's answers about hotplug on a bus. */
export interface BusHotplug {
  /**
   * Path of the hotplug handler: the bridge or port itself, else the device
   * that implements ACPI; empty if there is none.
   */
  readonly handler: string;
  /**
   * ACPI's number of the bus. A bus without a number has no hotplug by ACPI,
   * whatever its handler: hw/acpi/pcihp.c, acpi_pcihp_get_bsel.
   */
  readonly selector: number | undefined;
  /** Whether the guest has ACPI. */
  readonly acpi: "on" | "off";
}

function isHandled(
  { handler, selector, acpi }: BusHotplug,
  owner: string,
): boolean {
  if (handler === "") return false;
  return handler.endsWith(`/${owner}`) ||
    (selector !== undefined && acpi === "on");
}

/** QEMU's answers about a bridge, beyond query-pci. */
export interface BridgeProperties extends BusHotplug {
  /**
   * Value of the property {@linkcode hotplugProperty}; undefined: the bridge
   * does not have it.
   */
  readonly hotplug: boolean | undefined;
  /** Property `port`: the port number of PCIe's link capabilities. */
  readonly port: number | undefined;
  /** Whether QEMU has devices on its bus. */
  readonly devices: "none" | "some";
}

const PCI_SLOTS = { first: 0, last: 31 };
/** A standard hotplug controller counts from 1: hw/pci/shpc.c. */
const BRIDGE_SLOTS = { first: 1, last: 31 };
const PORT_SLOTS = { first: 0, last: 0 };

/** Whether a machine type has a PCIe root bus. */
export function isPcieMachine(machine: string): boolean {
  return /^(?:pc-)?q35|^virt(?:-|$)/.test(machine);
}

/**
 * The root bus of a machine type.
 *
 * @param told QEMU's answers about {@linkcode PC_BUS}. @default nothing
 */
export function rootBus(machine: string, told?: BusHotplug): PciBus {
  const isPcie = isPcieMachine(machine);
  const name = isPcie ? PCIE_BUS : PC_BUS;
  const isOn = !isPcie && (told === undefined || isHandled(told, name));
  return {
    name,
    kind: "root",
    type: isPcie ? "pcie" : "pci",
    hotplug: isOn ? "on" : "off",
    unplug: isOn ? "on" : "off",
    by: "acpi-or-port",
    slots: PCI_SLOTS,
    devices: "shown",
  };
}

/** Bridges with named buses: the devices with ids. */
export function namedBridges(live: readonly PciDevice[]): PciDevice[] {
  return live.filter(({ secondary, id }) => secondary !== undefined && id);
}

/** The upstream ports of QEMU's switches: vendor and device. */
const UPSTREAM = ["104c:8232", "19e5:a128"];
/** pci-bridge and pci-bridge-seat. */
const CONVENTIONAL = ["1b36:1", "1b36:a"];

function modelOf({ vendor, device }: PciDevice): string {
  return `${vendor.toString(16)}:${device.toString(16)}`;
}

/**
 * The property that tells whether a bridge supports hotplug. Firmware gives a
 * pci-bridge without SHPC no address space for later devices (SeaBIOS,
 * pciinit.c): ACPI tells the guest of a device, but the guest has no place for
 * it.
 */
export function hotplugProperty(bridge: PciDevice): "hotplug" | "shpc" {
  return CONVENTIONAL.includes(modelOf(bridge)) ? "shpc" : "hotplug";
}

function kindOf(bridge: PciDevice, { hotplug }: BridgeProperties): PciBusKind {
  if (UPSTREAM.includes(modelOf(bridge))) return "switch";
  if (hotplugProperty(bridge) === "shpc") return "bridge";
  return hotplug === undefined ? "bridge" : "port";
}

function numberOf(bridge: PciDevice, { port }: BridgeProperties): number {
  if (port) return port;
  const digits = /(\d{1,4})$/.exec(bridge.id)?.[1];
  return digits === undefined ? bridge.slot : Number(digits);
}

function devicesOf(
  { secondary }: PciDevice,
  { devices }: BridgeProperties,
): PciBus["devices"] {
  if (devices === "none") return "none";
  return secondary === 0 ? "hidden" : "shown";
}

/** The bus behind a bridge. */
export function busBehind(
  bridge: PciDevice,
  { properties, root }: { properties: BridgeProperties; root: PciBus },
): PciBus {
  const kind = kindOf(bridge, properties);
  const { hotplug, handler } = properties;
  const isWorked = isHandled(properties, bridge.id);
  // QEMU allows a device in a switch, where no guest looks for devices, and in
  // a port without hotplug if the handler allows it.
  const takes = kind !== "switch" && hotplug !== false && isWorked;
  const gives = isWorked && !(kind === "port" && hotplug === false);
  return {
    name: bridge.id,
    kind,
    type: kind === "bridge" ? "pci" : "pcie",
    hotplug: takes ? "on" : "off",
    unplug: gives ? "on" : "off",
    by: kind === "bridge" && handler.endsWith(`/${bridge.id}`)
      ? "shpc"
      : "acpi-or-port",
    slots: kind === "port"
      ? PORT_SLOTS
      : kind === "bridge"
      ? BRIDGE_SLOTS
      : PCI_SLOTS,
    number: kind === "port" ? numberOf(bridge, properties) : undefined,
    above: { bus: bridge.behind || root.name, slot: bridge.slot },
    devices: devicesOf(bridge, properties),
  };
}

/**
 * Ports in the layout of the next Ganeti, by the kind of their devices: SPEC
 * 4.3.
 */
const POOLS = { nic: { first: 3, last: 10 }, disk: { first: 11, last: 26 } };

/** Whether a bus is `rpN` in slot N of the root bus. */
function isPool(bus: PciBus, first: number, last: number): boolean {
  const { above, kind, name } = bus;
  if (kind !== "port" || above?.bus !== PCIE_BUS) return false;
  const { slot } = above;
  return name === `rp${slot}` && slot >= first && slot <= last;
}

/**
 * The ports of the next Ganeti's layout for a kind of device, if the instance
 * has that layout: ports for both kinds, and none of that name below them. What
 * is no NIC goes where disks go.
 */
function poolOf(
  buses: readonly PciBus[],
  kind: string,
): readonly PciBus[] | undefined {
  const within = ({ first, last }: typeof POOLS.nic) =>
    buses.filter((bus) => isPool(bus, first, last));
  const pools = { nic: within(POOLS.nic), disk: within(POOLS.disk) };
  if (pools.nic.length === 0 || pools.disk.length === 0) return undefined;
  const first = POOLS.nic.first - 1;
  if (buses.some((bus) => isPool(bus, 0, first))) return undefined;
  return kind === "nic" ? pools.nic : pools.disk;
}

/**
 * The usual buses of a device, the first choice first. Buses without hotplug
 * are among them.
 */
export function usualBuses(
  buses: readonly PciBus[],
  kind: string,
): readonly PciBus[] {
  const root = buses.filter((bus) => bus.kind === "root");
  // Ganeti up to 3.1 does not understand a file that names another bus.
  if (root.some(({ name }) => name === PC_BUS)) return root;
  const pool = poolOf(buses, kind);
  if (pool !== undefined) return pool;
  return [
    ...buses.filter((bus) => bus.kind === "port"),
    ...buses.filter(({ kind, by }) => kind === "bridge" && by !== "shpc"),
  ];
}

/** The index that the next Ganeti gives a NIC on this bus: 1 to 8, SPEC 4.3. */
export function acpiIndexOf(
  buses: readonly PciBus[],
  bus: PciBus,
): number | undefined {
  const at = bus.above?.slot;
  if (at === undefined || !poolOf(buses, "nic")?.includes(bus)) return;
  return at - POOLS.nic.first + 1;
}
