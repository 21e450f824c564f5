/**
 * A NIC: its entry in the runtime file and its arguments for QEMU.
 * SPEC 2.2, 5.5 and 6.3.
 *
 * @module
 */

import type { NicMode } from "../host/network_words.ts";
import type { Json } from "../qmp/message.ts";
import type { Hvparams } from "../state/hvparams.ts";
import { pciAddress, type PciPlace } from "./bus_slot.ts";

/** A NIC to be plugged. */
export interface NicDevice {
  /** Also the netdev's id and the begin of the fd names: SPEC 3.1. */
  readonly id: string;
  /** Lower case; Ganeti finds the NIC by it. */
  readonly uuid: string;
  /** Ganeti's `name`; absent from the entry if undefined. */
  readonly name?: string | undefined;
  /** Chosen by the plan; QEMU is left no choice. */
  readonly place: PciPlace;
  /** QEMU's word, e.g. `virtio-net-pci`. */
  readonly driver: string;
  /** Six bytes in lower case, unicast. */
  readonly mac: string;
  /** `nicparams.mode`, SPEC 2.2; `none`: the tap joins nothing. */
  readonly mode: NicMode;
  /** `nicparams.link`; in mode `bridged` the bridge's name. */
  readonly link?: string | undefined;
  /** `nicparams.vlan`, which only a network script understands. */
  readonly vlan?: string | undefined;
  /** The NIC's `ip` of SPEC 2.2; only the network script uses it. */
  readonly ip?: string | undefined;
  /** Uuid of the Ganeti network. */
  readonly network?: string | undefined;
  /** JSON text of its description, where no object of a master's has it. */
  readonly netinfo?: string | undefined;
  /** Queue pairs, each with a tap fd of its own; 1 to 32. */
  readonly queues: number;
  /** `on`: each queue also gets an fd of /dev/vhost-net. */
  readonly vhost: "on" | "off";
  /** Where QEMU runs; in a chroot it finds no option ROM. */
  readonly jail: "chroot" | "none";
  /** A master's object for the entry, without hvinfo, as JSON text. */
  readonly object?: string | undefined;
}

/** The driver behind Ganeti's `paravirtual`. */
export const VIRTIO_NET = "virtio-net-pci";

/** The same as QEMU and as Ganeti say it: `--driver`, hvparam `nic_type`. */
export const VIRTIO_NET_WORDS: readonly string[] = [VIRTIO_NET, "paravirtual"];

/** Other cards that most releases of QEMU have. */
export const USUAL_CARDS: readonly string[] = [
  "e1000",
  "rtl8139",
  "ne2k_pci",
  "pcnet",
  "i82551",
];

/** Whether a word of `--driver` or hvparam `nic_type` means virtio. */
export function isParavirtual(word: string): boolean {
  return VIRTIO_NET_WORDS.includes(word);
}

/** Most queue pairs of a NIC; a tap of the kernel takes 256. */
export const MAX_NIC_QUEUES = 32;

/**
 * QEMU's names of the fds passed for a NIC. The same for every NIC: a name is
 * given and used up in one operation, and nothing lists those that a killed one
 * left, so that they must be known without knowing the NIC.
 */
export function fdNames(nic: Pick<NicDevice, "queues" | "vhost">): {
  readonly tap: readonly string[];
  readonly vhost: readonly string[];
} {
  const each = Array.from({ length: nic.queues }, (_, i) => i);
  return {
    tap: each.map((i) => `kvm-hotplug-${i}`),
    vhost: nic.vhost === "on" ? each.map((i) => `kvm-hotplug-vhost-${i}`) : [],
  };
}

/** Every name that {@linkcode fdNames} can give. */
export function allFdNames(): string[] {
  const { tap, vhost } = fdNames({ queues: MAX_NIC_QUEUES, vhost: "on" });
  return [...tap, ...vhost];
}

/** Arguments of `netdev_add`; several fds are one text, joined by colons. */
export function netdevArguments(
  nic: Pick<NicDevice, "id" | "queues" | "vhost">,
): Json {
  const names = fdNames(nic);
  return {
    type: "tap",
    id: nic.id,
    fds: names.tap.join(":"),
    ...(nic.vhost === "on"
      ? { vhost: true, vhostfds: names.vhost.join(":") }
      : {}),
  };
}

/** A NIC as the guest has it. */
export interface NicFrontend {
  /** Also the netdev's id. */
  readonly id: string;
  /** QEMU's word. */
  readonly driver: string;
  /** Where it sits, as QEMU's arguments: `bus` and `addr`. */
  readonly address: Json;
  /** Six bytes in hexadecimal. */
  readonly mac: string;
  /** Queue pairs. */
  readonly queues: number;
  /** `none` where QEMU could not load one. */
  readonly rom: "default" | "none";
}

/**
 * Arguments of `device_add`, or of `-device`, for any driver. They are typed
 * since QEMU 8.0: `mq` is a boolean.
 */
export function nicFrontendArguments(nic: NicFrontend): Json {
  const { driver, id, address, mac, queues, rom } = nic;
  return {
    driver,
    id,
    ...address,
    netdev: id,
    mac,
    ...(rom === "none" ? { romfile: "" } : {}),
    // An interrupt per queue in each direction, one for control, one for
    // changes of the configuration.
    ...(queues > 1 ? { mq: true, vectors: 2 * queues + 2 } : {}),
  };
}

/**
 * Arguments of `device_add`. In a chroot QEMU cannot load an option ROM, so it
 * is given none.
 */
export function nicDeviceArguments(nic: NicDevice): Json {
  const { place, jail } = nic;
  return nicFrontendArguments({
    ...nic,
    address: pciAddress(place),
    rom: jail === "chroot" ? "none" : "default",
  });
}

/** What Ganeti's start gives a NIC of this driver: SPEC 6.3. */
export function settingsAtStart(
  driver: string,
  { vhostNet, virtioNetQueues, vnetHdr }: Hvparams,
): { vhost: "on" | "off"; queues: number; vnetHdr: "on" | "off" } {
  if (!isParavirtual(driver)) {
    return { vhost: "off", queues: 1, vnetHdr: "off" };
  }
  return {
    vhost: vhostNet ? "on" : "off",
    // Several queues only together with vhost.
    queues: vhostNet ? virtioNetQueues : 1,
    vnetHdr: vnetHdr ? "on" : "off",
  };
}
