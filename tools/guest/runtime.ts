/**
 * Writes an instance's runtime file in the shape Ganeti 3.1 gives it.
 *
 * @module
 */

/** `[disk, link, uri]` as in the runtime file. */
export type RuntimeDisk = readonly [
  disk: Readonly<Record<string, unknown>>,
  link: string | null,
  uri: string | null,
];

/** The parts of a runtime file a test can choose. */
export interface RuntimeParts {
  /** Laid over Ganeti's defaults. */
  readonly hvparams?: Readonly<Record<string, unknown>>;
  /** NIC objects, recorded only. @default [] */
  readonly nics?: readonly Readonly<Record<string, unknown>>[];
  /** Recorded, and QEMU is started with them. @default [] */
  readonly disks?: readonly RuntimeDisk[];
}

/** Every hypervisor parameter Ganeti 3.1 records, in its order. */
const HVPARAMS: Readonly<Record<string, unknown>> = {
  acpi: true,
  boot_order: "disk",
  cdrom2_image_path: "",
  cdrom_disk_type: "",
  cdrom_image_path: "",
  cpu_cores: 0,
  cpu_mask: "all",
  cpu_sockets: 0,
  cpu_threads: 0,
  cpu_type: "",
  disk_aio: "threads",
  disk_cache: "default",
  disk_discard: "ignore",
  disk_type: "paravirtual",
  floppy_image_path: "",
  initrd_path: "",
  kernel_args: "ro",
  kernel_path: "",
  keymap: "",
  kvm_extra: "",
  kvm_flag: "",
  kvm_path: "/usr/bin/kvm",
  kvm_pci_reservations: 12,
  machine_version: "",
  mem_path: "",
  migration_bandwidth: 32,
  migration_caps: "",
  migration_downtime: 30,
  migration_mode: "live",
  migration_port: 8102,
  nic_type: "paravirtual",
  reboot_behavior: "reboot",
  root_path: "/dev/vda1",
  scsi_controller_type: "lsi",
  security_domain: "",
  security_model: "none",
  serial_console: true,
  serial_speed: 38400,
  soundhw: "",
  spice_bind: "",
  spice_image_compression: "",
  spice_ip_version: 0,
  spice_jpeg_wan_compression: "",
  spice_password_file: "",
  spice_playback_compression: true,
  spice_streaming_video: "",
  spice_tls_ciphers: "HIGH:-DES:-3DES:-EXPORT:-DH",
  spice_use_tls: false,
  spice_use_vdagent: true,
  spice_zlib_glz_wan_compression: "",
  usb_devices: "",
  usb_mouse: "",
  use_chroot: false,
  use_guest_agent: false,
  use_localtime: false,
  user_shutdown: false,
  vga: "",
  vhost_net: false,
  virtio_net_queues: 1,
  vnc_bind_address: "",
  vnc_password_file: "",
  vnc_tls: false,
  vnc_x509_path: "",
  vnc_x509_verify: false,
  vnet_hdr: true,
};

/** Ganeti's hypervisor parameters with some of them changed. */
export function hvparamsWith(
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return { ...HVPARAMS, ...changes };
}

/**
 * The text of a runtime file. `command` is QEMU's fixed part; the value
 * after `-m` becomes a number, as Ganeti writes it.
 */
export function runtimeText(
  command: readonly string[],
  parts: RuntimeParts,
): string {
  const words = command.map((word, index) =>
    command[index - 1] === "-m" ? Number(word) : word
  );
  const { nics = [], disks = [] } = parts;
  const tuple = [words, nics, hvparamsWith(parts.hvparams), disks];
  return `${pythonJson(tuple)}\n`;
}

/** JSON as Python's json.dumps writes it: ", " and ": ", ASCII only. */
function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).filter(([, v]) => v !== undefined)
      .map(([key, v]) => `${pythonJson(key)}: ${pythonJson(v)}`);
    return `{${members.join(", ")}}`;
  }
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
