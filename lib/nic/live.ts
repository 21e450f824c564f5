/**
 * The NICs of a live QEMU, each with the tap it is proven to have.
 *
 * @module
 */

import { openFiles, type QemuProcess, tapsOf } from "../host/process.ts";
import { bridgeOf, interfaceExists } from "../host/tap.ts";
import { netdevOf, type QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { askAll } from "../qmp/query.ts";

/** A tap that QEMU holds. */
export interface OpenTap {
  /** Its name in /sys/class/net. */
  readonly name: string;
  /** The bridge it is a port of, if it is one. */
  readonly bridge: string | undefined;
}

/** A NIC of a live QEMU. */
export interface LiveNic {
  /** Device id, undefined if it was given none. */
  readonly id: string | undefined;
  /** As `query-pci` shows it. */
  readonly pci: PciDevice;
  /** QEMU's driver, undefined without id. */
  readonly driver: string | undefined;
  /** The MAC it was made with, in lower case; the guest may use another. */
  readonly mac: string | undefined;
  /** Id of its backend. */
  readonly netdev: string | undefined;
  /** At least 1. */
  readonly queues: number;
  /** What is proven to be behind it, or why nothing is. */
  readonly tap: OpenTap | { readonly why: string };
}

/** PCI class of Ethernet cards: PCI Code and ID list. */
const CLASS_ETHERNET = 0x0200;

/** Passed-through cards have neither MAC nor backend in QEMU. */
const EMULATED =
  /^(?:virtio-net|e1000|rtl8139|ne2k_pci|pcnet|i82|vmxnet3|tulip|igb)/;

function tapBehind(
  netdev: string | undefined,
  { qemu, taps }: { qemu: QemuFacts; taps: ReadonlySet<string> },
): OpenTap | { readonly why: string } {
  const name = netdev === undefined ? undefined : qemu.netdevs.get(netdev)?.tap;
  if (netdev === undefined) return { why: "it has no network backend" };
  if (name === undefined) return { why: `its backend ${netdev} is no tap` };
  // Whatever name QEMU tells: the kernel knows whose tap it is.
  if (!taps.has(name) || !interfaceExists(name)) {
    return { why: `QEMU does not hold the tap ${name}` };
  }
  return { name, bridge: bridgeOf(name) };
}

async function liveNic(
  pci: PciDevice,
  driver: string | undefined,
  { qmp, qemu, taps }: {
    qmp: QmpSession;
    qemu: QemuFacts;
    taps: ReadonlySet<string>;
  },
): Promise<LiveNic> {
  const nothing = { mac: undefined, netdev: undefined };
  const known = driver !== undefined && EMULATED.test(driver);
  const { mac, netdev } = known
    ? await askAll(qmp, {
      mac: propertyOf(pci.id, "mac"),
      netdev: propertyOf(pci.id, "netdev"),
    })
    : nothing;
  const id = netdev ? String(netdev) : undefined;
  const backend = netdevOf(qemu, pci.id);
  const tap = known && backend?.id !== id
    ? { why: "QEMU contradicts itself on its network backend" }
    : tapBehind(id, { qemu, taps });
  return {
    id: pci.id === "" ? undefined : pci.id,
    pci,
    driver,
    mac: mac === undefined ? undefined : String(mac).toLowerCase(),
    netdev: id,
    queues: backend?.facts.queues ?? 1,
    tap,
  };
}

/** Looks at all Ethernet cards on QEMU's PCI buses. */
export async function readLiveNics(
  qmp: QmpSession,
  qemu: QemuFacts,
  { process, drivers }: {
    process: QemuProcess;
    drivers: ReadonlyMap<string, string>;
  },
): Promise<LiveNic[]> {
  const taps = tapsOf(openFiles(process.pid));
  const nics: LiveNic[] = [];
  for (const pci of qemu.pci) {
    if (pci.class !== CLASS_ETHERNET) continue;
    const driver = pci.id === "" ? undefined : drivers.get(pci.id);
    nics.push(await liveNic(pci, driver, { qmp, qemu, taps }));
  }
  return nics;
}
