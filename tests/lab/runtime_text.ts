/**
 * The runtime file of the tests' instance, in the shape Ganeti 3.1 gives it,
 * and the names of its devices.
 *
 * @module
 */

export const NAME = "vm1.example.com";
/** The disk and the NIC that every instance here was started with. */
export const DISK = {
  uuid: "d0000000-1111-4111-8111-000000000000",
  id: "disk-d0000000-1111-4111",
} as const;
export const NIC = {
  uuid: "a0000000-1111-4111-8111-000000000000",
  id: "nic-a0000000-1111-4111",
  mac: "aa:00:00:00:00:99",
} as const;
/** The uuid the tests give what they add, and its id. */
export const NEW = "b1111111-2222-4333-8444-555555555555";
export const NEW_DISK = "disk-b1111111-2222-4333";
export const NEW_NIC = "nic-b1111111-2222-4333";

/** Some JSON object. */
export type Doc = Record<string, unknown>;

const HVPARAMS = {
  acpi: true,
  boot_order: "disk",
  disk_aio: "threads",
  disk_cache: "none",
  disk_discard: "ignore",
  disk_type: "paravirtual",
  kernel_path: "",
  kvm_pci_reservations: 12,
  nic_type: "paravirtual",
  use_chroot: false,
  vhost_net: false,
  virtio_net_queues: 1,
  vnet_hdr: true,
};

function hvinfo(driver: string, id: string, addr: string) {
  return { driver, id, bus: "pci.0", addr };
}

/** A disk's entry; `link` is the path QEMU opened. */
export function diskEntry(uuid: string, id: string, rest: Doc = {}) {
  const { link = "/nowhere/d0.img", addr = "0xc", ...fields } = rest;
  const disk = {
    dev_type: "file",
    logical_id: ["loop", link],
    size: 64,
    mode: "rw",
    params: {},
    hvinfo: hvinfo("virtio-blk-pci", id, String(addr)),
    uuid,
    ctime: 1700000000.5,
    ...fields,
  };
  return [disk, link, null];
}

/** A NIC's entry. */
export function nicEntry(uuid: string, id: string, rest: Doc = {}) {
  const { addr = "0xd", ...fields } = rest;
  return {
    mac: NIC.mac,
    nicparams: { mode: "bridged", link: "br0", vlan: "" },
    hvinfo: hvinfo("virtio-net-pci", id, String(addr)),
    uuid,
    ...fields,
  };
}

/** The parts of the runtime file a test can choose. */
export interface RuntimeParts {
  readonly hvparams?: Doc;
  readonly nics?: readonly unknown[];
  readonly disks?: readonly unknown[];
}

/** The runtime file's text. The last number must survive to the letter. */
export function runtimeText(parts: RuntimeParts = {}): string {
  const {
    hvparams = {},
    nics = [nicEntry(NIC.uuid, NIC.id)],
    disks = [diskEntry(DISK.uuid, DISK.id)],
  } = parts;
  const command = ["/usr/bin/kvm", "-name", NAME, "-m", 256];
  const tuple = [command, nics, { ...HVPARAMS, ...hvparams }, disks];
  return JSON.stringify(tuple).replace(/\}\]/, ',"odd":1.50e+02}]') + "\n";
}
