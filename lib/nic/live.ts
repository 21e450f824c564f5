/**
 * The NICs of a live QEMU, each with its proven tap.
 *
 * @module
 */

import {
  countVhost,
  openFiles,
  type QemuProcess,
  tapsOf,
} from "../host/process.ts";
import { bridgeOf, hasVnetHdr, interfaceExists } from "../host/tap.ts";
import { type LiveRates, ratesOf } from "../host/tap_tuning.ts";
import { netdevOf, type QemuFacts } from "../plan/facts.ts";
import { readProperties } from "../plan/live_properties.ts";
import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import type { PropertyValues } from "../device/properties.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { askAll } from "../qmp/query.ts";
import type { NicEntry } from "../state/runtime.ts";

/** A tap that QEMU holds. */
export interface OpenTap {
  /** Its name in /sys/class/net. */
  readonly name: string;
  /** The bridge of which it is a port; undefined: none. */
  readonly bridge: string | undefined;
  /** @default not read */
  readonly rates?: LiveRates;
}

/** A NIC of a live QEMU. */
export interface LiveNic {
  /** Device id, undefined if it has none. */
  readonly id: string | undefined;
  /** Its entry in `query-pci`. */
  readonly pci: PciDevice;
  /**
   * The MAC with which it was made, in lower case; the guest may use another.
   */
  readonly mac: string | undefined;
  /** Id of its backend. */
  readonly netdev: string | undefined;
  /** Of the table of NICs, as QEMU tells them, by option. @default unknown */
  readonly properties?: PropertyValues | undefined;
  /** Its proven tap, or why there is no proof. */
  readonly tap: OpenTap | { readonly why: string };
}

/** PCI class of Ethernet cards: PCI Code and ID list. */
const CLASS_ETHERNET = 0x0200;

/** Passed-through cards have neither MAC nor backend in QEMU. */
const EMULATED =
  /^(?:virtio-net|e1000|rtl8139|ne2k_pci|pcnet|i82|vmxnet3|tulip|igb)/;

interface Looked {
  readonly qmp: QmpSession;
  readonly qemu: QemuFacts;
  /** The taps that QEMU holds. */
  readonly taps: ReadonlySet<string>;
}

function tapBehind(
  netdev: string | undefined,
  { qemu, taps }: Looked,
): LiveNic["tap"] {
  if (netdev === undefined) return { why: "it has no network backend" };
  const name = qemu.netdevs.get(netdev)?.tap;
  if (name === undefined) return { why: `its backend ${netdev} is not a tap` };
  // Whatever name QEMU tells, the kernel knows the owner of the tap.
  if (!taps.has(name) || !interfaceExists(name)) {
    return { why: `QEMU does not have the tap ${name} open` };
  }
  return { name, bridge: bridgeOf(name) };
}

async function liveNic(pci: PciDevice, looked: Looked): Promise<LiveNic> {
  const { qmp, qemu } = looked;
  const isKnown = EMULATED.test(qemu.drivers.get(pci.id) ?? "");
  const told = isKnown
    ? await askAll(qmp, {
      mac: propertyOf(pci.id, "mac"),
      netdev: propertyOf(pci.id, "netdev"),
    })
    : undefined;
  const netdev = told?.netdev ? String(told.netdev) : undefined;
  return {
    id: pci.id === "" ? undefined : pci.id,
    pci,
    mac: told?.mac === undefined ? undefined : String(told.mac).toLowerCase(),
    netdev,
    properties: isKnown && pci.id !== ""
      ? await readProperties(qmp, pci.id, NIC_PROPERTIES)
      : undefined,
    tap: isKnown && netdevOf(qemu, pci.id)?.id !== netdev
      ? { why: "QEMU reports two different network backends for it" }
      : tapBehind(netdev, looked),
  };
}

/** Reads all Ethernet cards on QEMU's PCI buses. */
export async function readLiveNics(
  qmp: QmpSession,
  qemu: QemuFacts,
  process: QemuProcess,
): Promise<LiveNic[]> {
  const taps = tapsOf(openFiles(process.pid));
  const nics: LiveNic[] = [];
  for (const pci of qemu.pci) {
    if (pci.class !== CLASS_ETHERNET) continue;
    nics.push(await liveNic(pci, { qmp, qemu, taps }));
  }
  return nics;
}

/** Adds the rates of the taps. */
export async function withRates(
  nics: readonly LiveNic[],
): Promise<LiveNic[]> {
  const all: LiveNic[] = [];
  for (const nic of nics) {
    const { tap } = nic;
    all.push(
      "why" in tap
        ? nic
        : { ...nic, tap: { ...tap, rates: await ratesOf(tap.name) } },
    );
  }
  return all;
}

/**
 * A property of NICs, by their device ids, asked at once; undefined if it is
 * missing or has another type.
 */
export async function readProperty(
  qmp: QmpSession,
  ids: readonly string[],
  property: string,
): Promise<Map<string, string | number | undefined>> {
  if (ids.length === 0) return new Map();
  const answers = await askAll(
    qmp,
    Object.fromEntries(ids.map((id) => [
      id,
      { ...propertyOf(id, property), ifRefused: "nothing" as const },
    ])),
  );
  return new Map(Object.entries(answers));
}

/**
 * MACs with which QEMU made its cards, in lower case, by device id; a guest may
 * use another.
 */
export async function readMacs(
  qmp: QmpSession,
  { pci, deviceIds }: QemuFacts,
  nics: readonly NicEntry[],
): Promise<ReadonlyMap<string, string>> {
  const recorded = nics.map(({ hvinfo: { id = "" } }) => id)
    .filter((id) => deviceIds.has(id));
  const cards = pci.filter((one) => one.class === CLASS_ETHERNET)
    .map(({ id }) => id).filter((id) => id !== "");
  const ids = [...new Set([...recorded, ...cards])];
  const macs = await readProperty(qmp, ids, "mac");
  return new Map(
    [...macs].flatMap(([id, mac]) =>
      typeof mac === "string" ? [[id, mac.toLowerCase()] as const] : []
    ),
  );
}

/** This node's data of a NIC's tap. */
export interface TapNow {
  readonly vnetHdr: "on" | "off";
  /**
   * The number of times that QEMU has the kernel's accelerator open, for all
   * NICs.
   */
  readonly vhosts: number;
}

/** Reads the tap of a NIC; undefined if it cannot be seen. */
export function readNow(
  { netdevs, process }: QemuFacts,
  id: string = "",
): TapNow | undefined {
  const tap = netdevOf({ netdevs }, id)?.facts.tap;
  if (tap === undefined || process === undefined) return undefined;
  const vnetHdr = hasVnetHdr(tap) ? "on" : "off";
  return { vnetHdr, vhosts: countVhost(process.pid) };
}
