/**
 * A NIC beside what Ganeti's start would make of its entry. Pure.
 *
 * @module
 */

import { isParavirtual, settingsAtStart, VIRTIO_NET } from "../device/nic.ts";
import type { Hvparams } from "../state/hvparams.ts";

/** What a start takes from the hvparams. */
export interface StartedAs {
  /** QEMU's word. */
  readonly driver: string;
  /** Queue pairs. */
  readonly queues: number;
  /** Whether its tap carries virtio-net headers. */
  readonly vnetHdr: "on" | "off";
}

/** Warns of what a start from the runtime file would make another card of. */
export function startWarnings(hvparams: Hvparams, nic: StartedAs): string[] {
  const { nicType } = hvparams;
  const driver = isParavirtual(nicType) ? VIRTIO_NET : nicType;
  const { queues, vnetHdr } = settingsAtStart(nic.driver, hvparams);
  const differs = [
    ...(nic.queues === queues ? [] : ["queues"]),
    ...(nic.vnetHdr === vnetHdr ? [] : ["vnet-hdr"]),
    ...(nic.driver === driver ? [] : ["driver"]),
  ].join(", ");
  if (differs === "") return [];
  return [
    `Ganeti cannot migrate the VM with this NIC: it takes ${differs} from the hvparams, which say otherwise`,
  ];
}
