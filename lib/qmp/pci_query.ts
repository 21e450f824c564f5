/**
 * The PCI devices of a machine, from `query-pci`.
 *
 * @module
 */

import { isJson, type Json } from "./message.ts";
import type { Query } from "./query.ts";
import { list, object, text, whole } from "./reading.ts";

/** One function on a PCI bus: `PciDeviceInfo` of qapi/pci.json. */
export interface PciDevice {
  /** Number of its bus, 0 for the root bus. */
  readonly bus: number;
  /** 0 to 31. */
  readonly slot: number;
  /** 0 to 7. */
  readonly function: number;
  /** Device id, empty if it has none. */
  readonly id: string;
  /** PCI class code, e.g. 0x0200 for Ethernet. */
  readonly class: number;
  /** QEMU's text for the class, may be empty. */
  readonly description: string;
  /** PCI vendor id, e.g. 0x1af4 for virtio. */
  readonly vendor: number;
  /** PCI device id, e.g. 0x1042 for virtio-blk. */
  readonly device: number;
  /**
   * Name of its bus, which is the device id of the bridge; empty on the root
   * bus, in parentheses if the bus has no name.
   */
  readonly behind: string;
  /**
   * Only for a bridge: number of the bus behind it, 0 until firmware has given
   * one.
   */
  readonly secondary?: number;
}

/** Bridges within bridges deeper than this are not followed. */
const MAX_BRIDGES = 16;

function readPci(devices: Json[], behind: string, depth: number): PciDevice[] {
  return devices.flatMap((one) => {
    const kind = object(one.class_info);
    const id = object(one.id);
    const device: PciDevice = {
      bus: whole(one.bus),
      slot: whole(one.slot),
      function: whole(one.function),
      id: text(one.qdev_id),
      class: whole(kind.class),
      description: text(kind.desc),
      vendor: whole(id.vendor),
      device: whole(id.device),
      behind,
      ...(isJson(one.pci_bridge) ? { secondary: secondaryOf(one) } : {}),
    };
    const inner = list(object(one.pci_bridge).devices);
    if (depth === 0) return [device];
    const name = device.id || `(bridge ${device.slot}.${device.function})`;
    return [device, ...readPci(inner, name, depth - 1)];
  });
}

function secondaryOf(one: Json): number {
  return whole(object(object(one.pci_bridge).bus).secondary);
}

/** A machine may have several root buses; the first one's number is 0. */
function readRoot(bus: Json): PciDevice[] {
  const number = whole(bus.bus);
  const behind = number === 0 ? "" : `(bus ${number})`;
  return readPci(list(bus.devices), behind, MAX_BRIDGES);
}

/** Every PCI function, also behind bridges. */
export const PCI: Query<PciDevice[]> = {
  execute: "query-pci",
  // The root bus first; QEMU lists the other root buses before it.
  read: (value) =>
    list(value).sort((a, b) => whole(a.bus) - whole(b.bus)).flatMap(readRoot),
};
