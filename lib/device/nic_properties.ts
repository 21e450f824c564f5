/**
 * The properties of a NIC's device: {@linkcode DeviceProperty}.
 *
 * @module
 */

import { VIRTIO_NET } from "./nic.ts";
import type { DeviceProperty } from "./properties.ts";

/** Largest MTU of a tap: 65535 less an Ethernet header, drivers/net/tun.c. */
export const MTU = { min: 68, max: 65_521 } as const;

/** Bytes a second; tc takes bits. */
export const RATE = { min: 1000, max: 1e12 } as const;

/** All that can be given. The tap needs the MTU, too. */
export const NIC_PROPERTIES = [
  {
    option: "mtu",
    shown: "mtu N",
    key: "host_mtu",
    drivers: [VIRTIO_NET],
    form: { is: "number", ...MTU },
    blank: 0,
    help:
      `MTU of the tap, ${MTU.min} to ${MTU.max}; a virtio NIC tells it to the guest, too`,
    fallback: "the MTU of the bridge; the guest is not told",
    told: "The MTU that was given; null if none was.",
  },
] as const satisfies readonly DeviceProperty[];
