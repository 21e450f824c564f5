/**
 * The driver of a NIC and its consequences. Pure.
 *
 * @module
 */

import {
  isParavirtual,
  type Nic,
  type NicDevice,
  nicDeviceArguments,
  USUAL_CARDS,
  VIRTIO_NET,
} from "../device/nic.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import { refuse, type Remark, remark, unsupported } from "../errors.ts";
import type { Json } from "../qmp/message.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { NicAddFacts } from "./add_facts.ts";
import { atStartOf } from "./queues.ts";

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
    }: this QEMU has no such PCI network card; common types: ${VIRTIO_NET} (Ganeti: paravirtual), ${
      USUAL_CARDS.join(", ")
    }`,
    `--driver ${VIRTIO_NET} plugs it as a virtio NIC`,
  );
}

/**
 * Refuses settings that only a virtio card has: SPEC 6.3.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseForPlain(
  driver: string,
  asked: Readonly<Record<string, string | number | undefined>>,
): void {
  if (isParavirtual(driver)) return;
  for (const [word, value] of Object.entries(asked)) {
    if (value === undefined || value === "off" || value === 1) continue;
    throw refuse(`Option --${word} needs a virtio NIC (${VIRTIO_NET})`);
  }
}

/**
 * Whether the kernel accelerates a virtio NIC.
 *
 * @param asked the user's word; undefined: hvparam `vhost_net` decides
 * @throws {HotplugError} `refused` if this node cannot
 */
export function vhostOf(
  facts: Pick<NicAddFacts, "content" | "vhost">,
  asked: "on" | "off" | undefined,
): "on" | "off" {
  const { vhostNet } = facts.content.runtime.hvparams;
  const vhost = asked ?? (vhostNet ? "on" : "off");
  if (vhost === "off" || facts.vhost) return vhost;
  throw refuse(
    `${
      asked === undefined ? "Hvparam vhost_net" : "Option --vhost"
    } needs /dev/vhost-net, which does not exist on this node`,
    "use --no-vhost, or, to load the kernel module, run: modprobe vhost_net",
  );
}

/** device_add of a NIC; in a chroot QEMU cannot load an option ROM. */
export function deviceArguments(
  { confinement, content }:
    & Partial<Pick<NicAddFacts, "confinement">>
    & Pick<NicAddFacts, "content">,
  nic: Pick<NicDevice, "id" | "driver" | "mac" | "queues">,
  where: { readonly address: Json; readonly netdev?: string },
): QmpCommand["arguments"] {
  // The hvparams count only if the process is unknown.
  const isJailed = confinement === undefined
    ? content.runtime.hvparams.useChroot
    : confinement.jail === "chroot";
  const rom = isJailed ? "none" : "default";
  return nicDeviceArguments(nic, { ...where, rom });
}

/** Warns if a start from the runtime file would make another card. */
export function startWarning(
  { content, qemu }: Pick<NicAddFacts, "content" | "qemu">,
  nic: Nic,
): Remark | undefined {
  const { nicType } = content.runtime.hvparams;
  const driver = isParavirtual(nicType) ? VIRTIO_NET : nicType;
  const { queues, vnetHdr } = atStartOf(nic.driver, { ...content, qemu });
  const differs = [
    ...(nic.queues === (queues ?? nic.queues) ? [] : ["queues"]),
    ...(nic.vnetHdr === vnetHdr ? [] : ["vnet-hdr"]),
    ...(nic.driver === driver ? [] : ["driver"]),
  ].join(", ");
  if (differs === "") return undefined;
  return remark(
    "not-migratable",
    `Ganeti cannot migrate the VM with this NIC: it would use ${differs} of the hvparams, which are different`,
  );
}

/**
 * Whether QEMU ends when a card with a deleted tap is removed: seen with 10.0
 * (net/tap-linux.c, tap_fd_set_vnet_hdr_len calls abort()), not with 7.2.
 */
export function endsWithCard(
  { version }: Pick<QemuFacts, "version">,
  driver: string | undefined,
): boolean {
  return version.major > 7 && driver?.startsWith("virtio-net") === true;
}
