/**
 * The hypervisor parameters on which a hotplug depends, from the runtime file:
 * SPEC section 9.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { type JsonNode, member } from "./json.ts";

/**
 * The parameters of a file that `adopt` makes, in Ganeti's order, with Ganeti's
 * defaults. They serve for values that QEMU does not tell, and for later
 * devices.
 */
export const FIRST_HVPARAMS = {
  acpi: true,
  boot_order: "disk",
  disk_aio: "threads",
  disk_cache: "default",
  disk_discard: "ignore",
  disk_type: "paravirtual",
  // QEMU's program.
  kvm_path: "",
  kvm_pci_reservations: 12,
  machine_version: "",
  nic_type: "paravirtual",
  scsi_controller_type: "lsi",
  security_domain: "",
  security_model: "none",
  use_chroot: false,
  vhost_net: false,
  virtio_net_queues: 1,
  vnet_hdr: true,
};

/** Of the next Ganeti, which computes the number: SPEC 13. */
const AUTO = "auto";

/** The same parameters for one VM. */
export type FirstHvparams = Readonly<typeof FIRST_HVPARAMS>;

const DEFAULTS = {
  ...FIRST_HVPARAMS,
  user_shutdown: false,
  keymap: "",
  cdrom_image_path: "",
  cdrom2_image_path: "",
  floppy_image_path: "",
  kvm_extra: "",
};

/**
 * A file that was made for a VM that Ganeti never started has exactly these
 * parameters; Ganeti writes all of about sixty.
 */
function originOf(node: JsonNode): "adopt" | "ganeti" {
  const keys = node.type === "object" ? node.members.map(({ key }) => key) : [];
  const first = Object.keys(FIRST_HVPARAMS);
  return keys.join() === first.join() ? "adopt" : "ganeti";
}

/**
 * The parameter from the first of these objects that has it, with any value.
 */
function givenBy(nodes: readonly JsonNode[], key: string): unknown {
  const given = nodes.map((node) => member(node, key))
    .find((one) => one !== undefined);
  return given && "value" in given ? given.value : given;
}

/**
 * A number, or `auto`, which may also be written as 0; undefined: another
 * value.
 */
function queuesOf(
  nodes: readonly JsonNode[],
): number | typeof AUTO | undefined {
  const given = givenBy(nodes, "virtio_net_queues");
  if (given === undefined) return FIRST_HVPARAMS.virtio_net_queues;
  if (given === AUTO || given === 0) return AUTO;
  return typeof given === "number" ? given : undefined;
}

/** Parameters that Ganeti has since 2.16: SPEC section 9. */
const SINCE_216 = ["kvm_pci_reservations", "scsi_controller_type"];

/** Each parameter if it has the type of its default; else the default. */
function valuesOf(nodes: readonly JsonNode[]): typeof DEFAULTS {
  const values = Object.entries(DEFAULTS).map(([key, fallback]) => {
    const type = typeof fallback;
    const given = nodes.map((node) => member(node, key))
      .find((one) => one?.type === type);
    return [key, given && "value" in given ? given.value : fallback];
  });
  return Object.fromEntries(values);
}

/**
 * Reads the `hvparams` object.
 *
 * @param configured the instance's parameters from a master, which replace
 * parameters that an old file lacks: SPEC 9. @default Ganeti's own
 */
export function readHvparams(node: JsonNode, configured: JsonNode = node) {
  const values = valuesOf([node, configured]);
  return {
    // Ganeti's words for drivers.
    diskType: values.disk_type,
    nicType: values.nic_type,
    scsiController: values.scsi_controller_type,
    // Not checked: `cacheMode` does.
    diskCache: values.disk_cache,
    diskAio: values.disk_aio,
    // 2.16 to 3.0 wrote "default", which QEMU refuses: SPEC 2.4, item 5.
    diskDiscard: values.disk_discard === "unmap" ? "unmap" : "ignore",
    vhostNet: values.vhost_net,
    vnetHdr: values.vnet_hdr,
    // Queue pairs of a virtio NIC, 1 to 32 once checked; `auto`: see
    // lib/nic/queues.ts; undefined: another value.
    virtioNetQueues: queuesOf([node, configured]),
    // A VM that was started without the parameter has none: SPEC 13.
    diskIothreads: Number(givenBy([node], "virtio_disk_iothreads")) || 0,
    // We must not use PCI slots below this one, 0 to 32 once checked.
    pciReservations: values.kvm_pci_reservations,
    // QEMU then does not see the files of this node.
    useChroot: values.use_chroot,
    // Without ACPI nothing can be hotplugged on machine type pc.
    acpi: values.acpi,
    // With `disk` the first disk is the boot disk.
    bootOrder: values.boot_order,
    // A kernel of the node, or none (""); undefined: Ganeti did not write this.
    kernelPath: givenBy([node], "kernel_path"),
    // The media and the further words that a start takes; "": none.
    cdromImage: values.cdrom_image_path,
    cdrom2Image: values.cdrom2_image_path,
    floppyImage: values.floppy_image_path,
    kvmExtra: values.kvm_extra,
    // Of VNC: given at each start.
    keymap: values.keymap,
    // `none`, `user` or `pool`; the user of model `user`.
    securityModel: values.security_model,
    securityDomain: values.security_domain,
    // Ganeti's kvmd then has a monitor of its own.
    userShutdown: values.user_shutdown,
    // Whether Ganeti 2.16 or newer wrote them.
    since216: SINCE_216.some((key) => member(node, key) !== undefined),
    origin: originOf(node),
  };
}

/** Parameters that Ganeti merged at start, with defaults filled in. */
export type Hvparams = Readonly<ReturnType<typeof readHvparams>>;

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/**
 * Checks the numbers on which a new device depends.
 *
 * @throws {HotplugError} `bad-state-file`
 */
export function checkHvparams(hvparams: Hvparams): void {
  const { pciReservations, virtioNetQueues } = hvparams;
  const bad = !isWhole(pciReservations, 0, 32)
    ? `kvm_pci_reservations must be 0 to 32: it is ${pciReservations}`
    : typeof virtioNetQueues === "number" && !isWhole(virtioNetQueues, 1, 32)
    ? `virtio_net_queues must be 1 to 32: it is ${virtioNetQueues}`
    : undefined;
  if (bad === undefined) return;
  throw new HotplugError("bad-state-file", `Hvparam ${bad}`);
}
