/**
 * The hypervisor parameters a hotplug depends on, from the runtime file:
 * SPEC section 9.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { JsonNode } from "./json.ts";
import {
  booleanMember,
  member,
  numberMember,
  stringMember,
} from "./json_member.ts";

/** Parameters as Ganeti merged them at start, defaults filled in. */
export interface Hvparams {
  /** `disk_type`, Ganeti's word for the driver; `paravirtual`. */
  readonly diskType: string;
  /** `nic_type`, likewise; `paravirtual`. */
  readonly nicType: string;
  /** `scsi_controller_type`, not checked; `lsi`. */
  readonly scsiController: string;
  /** `disk_cache`; `default`. Not checked: {@linkcode cacheMode} does. */
  readonly diskCache: string;
  /** `disk_aio`; `threads`. */
  readonly diskAio: string;
  /** `disk_discard`: `unmap`, else `ignore`. */
  readonly diskDiscard: string;
  /** `vhost_net`; false. */
  readonly vhostNet: boolean;
  /** `vnet_hdr`; true. */
  readonly vnetHdr: boolean;
  /** Queue pairs of a virtio NIC, 1 to 32 once checked. */
  readonly virtioNetQueues: number;
  /** PCI slots below this are not ours to use, 0 to 32 once checked. */
  readonly pciReservations: number;
  /** `use_chroot`: QEMU sees no file of this node; false. */
  readonly useChroot: boolean;
  /** `acpi`, without which nothing can be hotplugged; true. */
  readonly acpi: boolean;
  /** `boot_order`: with `disk` the first disk is the boot disk; `disk`. */
  readonly bootOrder: string;
  /** `security_model`: `none`, `user` or `pool`; `none`. */
  readonly securityModel: string;
  /** `security_domain`: the user of model `user`; empty. */
  readonly securityDomain: string;
  /** `user_shutdown`: Ganeti's kvmd has a monitor of its own; false. */
  readonly userShutdown: boolean;
  /** Whether Ganeti 2.16 or newer wrote them. */
  readonly since216: boolean;
  /**
   * `adopt`: the file was made for a VM that Ganeti never started; such a file
   * has just these parameters, where Ganeti writes all of some sixty.
   */
  readonly origin: "ganeti" | "adopt";
}

/** The parameters of a file that `adopt` makes, in Ganeti's order. */
export interface FirstHvparams {
  /** Without it nothing can be hotplugged. */
  readonly acpi: boolean;
  /** What the VM was booted from. */
  readonly boot_order: string;
  /** Not told by QEMU: Ganeti's default. */
  readonly disk_aio: string;
  /** As the first disk has it. */
  readonly disk_cache: string;
  /** Not told by QEMU: Ganeti's default. */
  readonly disk_discard: string;
  /** For disks to come. */
  readonly disk_type: string;
  /** QEMU's program. */
  readonly kvm_path: string;
  /** Slots below are left to QEMU. */
  readonly kvm_pci_reservations: number;
  /** As it runs. */
  readonly machine_version: string;
  /** For NICs to come. */
  readonly nic_type: string;
  /** Ganeti's default. */
  readonly scsi_controller_type: string;
  /** Ganeti's default. */
  readonly security_domain: string;
  /** Ganeti's default. */
  readonly security_model: string;
  /** As it runs. */
  readonly use_chroot: boolean;
  /** For NICs to come. */
  readonly vhost_net: boolean;
  /** For NICs to come. */
  readonly virtio_net_queues: number;
  /** For NICs to come. */
  readonly vnet_hdr: boolean;
}

const FIRST_KEYS: readonly (keyof FirstHvparams)[] = [
  "acpi",
  "boot_order",
  "disk_aio",
  "disk_cache",
  "disk_discard",
  "disk_type",
  "kvm_path",
  "kvm_pci_reservations",
  "machine_version",
  "nic_type",
  "scsi_controller_type",
  "security_domain",
  "security_model",
  "use_chroot",
  "vhost_net",
  "virtio_net_queues",
  "vnet_hdr",
];

function originOf(node: JsonNode): Hvparams["origin"] {
  const keys = node.type === "object" ? node.members.map(({ key }) => key) : [];
  return keys.join() === FIRST_KEYS.join() ? "adopt" : "ganeti";
}

/** Parameters that Ganeti has since 2.16: SPEC section 9. */
const SINCE_216 = ["kvm_pci_reservations", "scsi_controller_type"];

/**
 * Reads the `hvparams` object.
 *
 * @param configured the instance's parameters as a master has them, which
 * stand in for what an old file lacks: SPEC 9. @default Ganeti's own
 */
export function readHvparams(
  node: JsonNode,
  configured: JsonNode = node,
): Hvparams {
  const text = (key: string, fallback: string) =>
    stringMember(node, key) ?? stringMember(configured, key) ?? fallback;
  const number = (key: string, fallback: number) =>
    numberMember(node, key) ?? numberMember(configured, key) ?? fallback;
  const flag = (key: string, fallback: "on" | "off") =>
    booleanMember(node, key) ?? booleanMember(configured, key) ??
      fallback === "on";
  const discard = text("disk_discard", "ignore");
  return {
    diskType: text("disk_type", "paravirtual"),
    nicType: text("nic_type", "paravirtual"),
    scsiController: text("scsi_controller_type", "lsi"),
    diskCache: text("disk_cache", "default"),
    diskAio: text("disk_aio", "threads"),
    // 2.16 to 3.0 wrote "default", which QEMU refuses: SPEC 2.4, item 5.
    diskDiscard: discard === "unmap" ? "unmap" : "ignore",
    vhostNet: flag("vhost_net", "off"),
    vnetHdr: flag("vnet_hdr", "on"),
    virtioNetQueues: number("virtio_net_queues", 1),
    pciReservations: number("kvm_pci_reservations", 12),
    useChroot: flag("use_chroot", "off"),
    acpi: flag("acpi", "on"),
    bootOrder: text("boot_order", "disk"),
    securityModel: text("security_model", "none"),
    securityDomain: text("security_domain", ""),
    userShutdown: flag("user_shutdown", "off"),
    since216: SINCE_216.some((key) => member(node, key) !== undefined),
    origin: originOf(node),
  };
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/**
 * Checks the numbers that a new device depends on.
 *
 * @throws {HotplugError} `bad-state-file`
 */
export function checkHvparams(hvparams: Hvparams): void {
  const { pciReservations, virtioNetQueues } = hvparams;
  const bad = !isWhole(pciReservations, 0, 32)
    ? `kvm_pci_reservations must be 0 to 32: it is ${pciReservations}`
    : !isWhole(virtioNetQueues, 1, 32)
    ? `virtio_net_queues must be 1 to 32: it is ${virtioNetQueues}`
    : undefined;
  if (bad === undefined) return;
  throw new HotplugError("bad-state-file", `Hvparam ${bad}`);
}
