/**
 * A NIC: its entry in the runtime file and its arguments for QEMU.
 * SPEC 2.2, 5.5 and 6.3.
 *
 * @module
 */

import type { LinkState, NicMode } from "../host/network_words.ts";
import type { Json } from "../qmp/message.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { PciPlace } from "./bus_slot.ts";

/** A NIC, whether it is requested, recorded or live. */
export interface Nic {
  /** Ganeti's `name`; absent from the entry if undefined. */
  readonly name?: string | undefined;
  /** QEMU's name of the driver, e.g. `virtio-net-pci`. */
  readonly driver: string;
  /** Six bytes in lower case, unicast. */
  readonly mac: string;
  /** `nicparams.mode`, SPEC 2.2; `none`: the tap is not connected. */
  readonly mode: NicMode;
  /** `nicparams.link`; in mode `bridged` the name of the bridge. */
  readonly link?: string | undefined;
  /** Ganeti's form: `100`, `.100`, `:100:200`. */
  readonly vlan?: string | undefined;
  /** The guest's address. */
  readonly ip?: string | undefined;
  /** Uuid of the Ganeti network. */
  readonly network?: string | undefined;
  /** JSON text of its description, if no object of a master has it. */
  readonly netinfo?: string | undefined;
  /** Queue pairs, each with a tap fd of its own; 1 to 32. */
  readonly queues: number;
  /** `on`: each queue also gets an fd of /dev/vhost-net. */
  readonly vhost: "on" | "off";
  /** Whether its tap carries virtio-net headers. */
  readonly vnetHdr: "on" | "off";
  /** Absolute path of the network script that the user gave. */
  readonly script?: string | undefined;
  /** The carrier that the guest sees. */
  readonly linkState: LinkState;
  /** Of the tap; a virtio card tells the guest. @default the bridge's */
  readonly mtu?: number | undefined;
  /** Bytes a second towards the guest. @default no limit */
  readonly rateIn?: number | undefined;
  /** Bytes a second from the guest. @default no limit */
  readonly rateOut?: number | undefined;
}

/** The data of a NIC in its entry, without its hvinfo and its uuid. */
export type RecordedNic = Pick<
  Nic,
  "name" | "mac" | "mode" | "link" | "vlan" | "ip" | "network" | "netinfo"
>;

/** A NIC to be plugged. */
export interface NicDevice extends Nic {
  /** Also the netdev's id: SPEC 3.1. */
  readonly id: string;
  /** Lower case; Ganeti finds the NIC by it. */
  readonly uuid: string;
  /** Chosen by the plan; QEMU chooses nothing. */
  readonly place: PciPlace;
}

/** The driver behind Ganeti's `paravirtual`. */
export const VIRTIO_NET = "virtio-net-pci";

/**
 * The same driver in the words of QEMU and of Ganeti: `--driver`, hvparam
 * `nic_type`.
 */
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

/** Most queue pairs of a NIC; a tap of the kernel allows 256. */
export const MAX_NIC_QUEUES = 32;

/**
 * QEMU's names of the fds passed for a NIC. They are the same for every NIC. A
 * name is given and used up in one operation. No command lists the names that a
 * killed operation left; therefore the names must be known without the NIC.
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

/**
 * Arguments of `device_add`, or of `-device`, for any driver. They are typed
 * since QEMU 8.0: `mq` is a boolean.
 *
 * @param options.address its place in QEMU's arguments: `bus` and `addr`
 * @param options.rom `none` if QEMU could not load an option ROM
 * @param options.netdev id of its backend, by default its own id
 */
export function nicDeviceArguments(
  { id, driver, mac, queues }: Pick<
    NicDevice,
    "id" | "driver" | "mac" | "queues"
  >,
  { address, rom, netdev = id }: {
    readonly address: Json;
    readonly rom: "default" | "none";
    readonly netdev?: string;
  },
): Json {
  return {
    driver,
    id,
    ...address,
    netdev,
    mac,
    ...(rom === "none" ? { romfile: "" } : {}),
    // An interrupt per queue in each direction, one for control, one for
    // configuration changes.
    ...(queues > 1 ? { mq: true, vectors: 2 * queues + 2 } : {}),
  };
}

/** A card other than virtio has one queue and a plain tap: SPEC 6.3. */
export const OF_PLAIN_CARDS = {
  vhost: "off",
  queues: 1,
  vnetHdr: "off",
} as const;

/**
 * The settings that a start gives a NIC; undefined queues: the number is
 * unknown.
 */
export type AtStart = Pick<Nic, "vhost" | "vnetHdr"> & {
  readonly queues: number | undefined;
};

/**
 * The settings that Ganeti's start gives a NIC of this driver: SPEC 6.3.
 *
 * @param auto the number of queues if the hvparam leaves it open
 */
export function settingsAtStart(
  driver: string,
  { vhostNet, virtioNetQueues, vnetHdr }: Hvparams,
  auto?: number,
): AtStart {
  if (!isParavirtual(driver)) return OF_PLAIN_CARDS;
  return {
    vhost: vhostNet ? "on" : "off",
    // Several queues only together with vhost.
    queues: !vhostNet ? 1 : virtioNetQueues === "auto" ? auto : virtioNetQueues,
    vnetHdr: vnetHdr ? "on" : "off",
  };
}
