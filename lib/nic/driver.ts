/**
 * Which driver a NIC gets. Pure.
 *
 * @module
 */

import { addressOf } from "../device/address.ts";
import {
  isParavirtual,
  type NicDevice,
  nicFrontendArguments,
  settingsAtStart,
  USUAL_CARDS,
  VIRTIO_NET,
} from "../device/nic.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import { refuse, unsupported } from "../errors.ts";
import type { Hvparams } from "../state/hvparams.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicAddFacts } from "./add_facts.ts";

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
      USUAL_CARDS.join(", ")
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

/** What tells where QEMU runs. */
export type JailFacts = Pick<NicAddFacts, "confinement" | "content">;

/** Where QEMU runs; what the hvparams say counts only if nothing shows it. */
export function jailOf(
  { confinement, content }: JailFacts,
): NicDevice["jail"] {
  if (confinement !== undefined) return confinement.jail;
  return content.runtime.hvparams.useChroot ? "chroot" : "none";
}

/** device_add of a NIC in its recorded place, as it is or as it will be. */
export function deviceArguments(
  facts: JailFacts,
  { id, entry }: { readonly id: string; readonly entry: NicEntry },
  { driver, mac, queues, netdev }:
    & Pick<NicDevice, "driver" | "mac" | "queues">
    & { readonly netdev: string },
): QmpCommand["arguments"] {
  const args = nicFrontendArguments({
    ...{ id, driver, mac, queues },
    address: addressOf(entry),
    rom: jailOf(facts) === "chroot" ? "none" : "default",
  });
  return { ...args, netdev };
}

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
