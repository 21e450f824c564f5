/**
 * Which driver a NIC gets. Pure.
 *
 * @module
 */

import { isParavirtual, VIRTIO_NET } from "../device/nic.ts";
import { refuse, unsupported } from "../errors.ts";
import type { NicAddFacts } from "./add_facts.ts";

/** What most releases of QEMU have, for messages. */
const USUAL = ["e1000", "rtl8139", "ne2k_pci", "pcnet", "i82551"];

/**
 * The QEMU driver for a word of `--driver` or hvparam `nic_type`.
 *
 * @throws {HotplugError} `unsupported` if this QEMU has no such PCI card
 */
export function driverOf(
  { cards }: Pick<NicAddFacts, "cards">,
  word: string,
): string {
  if (isParavirtual(word)) return VIRTIO_NET;
  if (cards.has(word)) return word;
  throw unsupported(
    `Cannot hotplug a NIC of type ${
      JSON.stringify(word)
    }: this QEMU has no such PCI network card; ${VIRTIO_NET} (Ganeti: paravirtual), ${
      USUAL.join(", ")
    } are the usual ones`,
    `--driver ${VIRTIO_NET} plugs it as a virtio NIC`,
  );
}

/**
 * Refuses what only a virtio card can have.
 *
 * @throws {HotplugError} `refused`
 */
export function refusePlain(
  asked: Readonly<Record<string, string | number | undefined>>,
): void {
  for (const [word, value] of Object.entries(asked)) {
    if (value === undefined || value === "off" || value === 1) continue;
    throw refuse(`Option --${word} needs a virtio NIC (${VIRTIO_NET})`);
  }
}
