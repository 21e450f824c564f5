/**
 * Options in, QEMU's command line out. Pure.
 *
 * @module
 */
import type { Layout } from "./layout.ts";
import {
  hvparamsWith,
  type RuntimeDisk,
  type RuntimeParts,
} from "./runtime.ts";
import type { QemuRelease, Tools } from "./types.ts";

/** The differences between two machines, without name and place. */
export interface MachineOptions {
  readonly release: QemuRelease;
  readonly tools: Tools;
  /** @default "pc" */
  readonly machine?: "pc" | "q35";
  /** @default 160 */
  readonly memoryMiB?: number;
  /** Recorded in the runtime file like the rest of the fixed part. */
  readonly extraArgs?: readonly string[];
  /** Added to the kernel's command line; the word `hotplug=off` makes a
   * guest that never releases a PCI device. */
  readonly kernelArgs?: string;
  /** "none": no kernel is loaded; QEMU only, the firmware finds nothing to
   * boot. @default "linux" */
  readonly guest?: "linux" | "none";
}

/** The options of one start. */
export interface StartOptions extends MachineOptions {
  /** A file with the saved state of a machine of the same options. */
  readonly restoreFrom?: string | undefined;
  /** Stays paused (`-S`). @default false */
  readonly paused?: boolean;
  /** @default no NICs, no disks, Ganeti's default hvparams */
  readonly runtime?: RuntimeParts;
  /** Runs QEMU under this uid and gid, as Ganeti's uid pool does. */
  readonly uid?: number | undefined;
  /** Runs QEMU in its empty 0700 chroot, as `use_chroot` does. */
  readonly chroot?: boolean;
}

/** acpiphp serves PCI hotplug by ACPI, pciehp the native kind of PCIe:
 * Documentation/admin-guide/kernel-parameters.txt. */
const DEAF = "acpiphp.disable=1 pcie_ports=compat";

/** The fixed part, which Ganeti records in the runtime file. */
export function fixedArgs(
  name: string,
  layout: Layout,
  options: MachineOptions,
): string[] {
  const { release, machine = "pc", memoryMiB = 160 } = options;
  return [
    ...[release.binary, "-name", name, "-m", String(memoryMiB), "-smp", "1"],
    ...["-pidfile", layout.pid, "-device", "virtio-balloon"],
    ...["-daemonize", "-D", layout.log, "-machine", machine, "-accel", "tcg"],
    ...release.dataArgs,
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    ...kernelArgs(options),
    ...["-monitor", listening(layout.monitor)],
    ...["-serial", `${listening(layout.serial)},logfile=${layout.console}`],
    ...["-serial", listening(layout.agent)],
    ...options.extraArgs ?? [],
  ];
}

function kernelArgs(options: MachineOptions): string[] {
  if (options.guest === "none") return [];
  const { kernel, initrd } = options.tools;
  const more = (options.kernelArgs ?? "").split(/\s+/)
    .map((word) => word === "hotplug=off" ? DEAF : word);
  const append = ["console=ttyS0 quiet panic=-1 nokaslr", ...more];
  return [
    ...["-kernel", kernel, "-initrd", initrd],
    ...["-append", append.join(" ").trim()],
  ];
}

/** The whole command line: the fixed part and what each start adds. */
export function startArgs(
  name: string,
  layout: Layout,
  options: StartOptions,
): string[] {
  const { restoreFrom } = options;
  return [
    ...fixedArgs(name, layout, options),
    ...diskArgs(options.runtime ?? {}),
    ...["-qmp", listening(layout.qmp), "-qmp", listening(layout.test)],
    ...(options.paused ? ["-S"] : []),
    ...confinement(layout, options),
    ...(restoreFrom ? ["-incoming", `exec:cat '${restoreFrom}'`] : []),
  ];
}

/** -runas and -chroot, or what replaced them in QEMU 9.1 and 9.0. */
function confinement(layout: Layout, options: StartOptions): string[] {
  const user = options.uid === undefined
    ? []
    : [`${options.uid}:${options.uid}`];
  const chroot = options.chroot ? [layout.chroot] : [];
  if (Number(options.release.name) < 9.1) {
    return [
      ...user.flatMap((ids) => ["-runas", ids]),
      ...chroot.flatMap((folder) => ["-chroot", folder]),
    ];
  }
  const parts = [
    ...user.map((ids) => `user=${ids}`),
    ...chroot.map((folder) => `chroot=${folder}`),
  ];
  return parts.length > 0 ? ["-run-with", parts.join(",")] : [];
}

/** A socket QEMU listens on. */
function listening(path: string): string {
  return `unix:${path},server=on,wait=off`;
}

/**
 * The disks of a runtime file as Ganeti 3.1 puts them on the command line:
 * node-name and device id are the same.
 */
function diskArgs(runtime: RuntimeParts): string[] {
  const hvparams = hvparamsWith(runtime.hvparams);
  return (runtime.disks ?? []).flatMap((disk) => oneDisk(disk, hvparams));
}

function oneDisk(
  [disk, link]: RuntimeDisk,
  hvparams: Record<string, unknown>,
): string[] {
  const hvinfo = disk.hvinfo as Record<string, unknown> & { id: string };
  const cache = hvparams.disk_cache;
  const node = {
    driver: "raw",
    "node-name": hvinfo.id,
    discard: hvparams.disk_discard,
    "auto-read-only": false,
    cache: { direct: cache === "none", "no-flush": false },
    file: {
      driver: disk.dev_type === "file" ? "file" : "host_device",
      filename: link,
      aio: hvparams.disk_aio,
      // Not given by Ganeti; "on" is what it would mean for a read-only file.
      "auto-read-only": false,
    },
  };
  const { driver, ...place } = hvinfo;
  const device = [
    driver,
    `drive=${hvinfo.id}`,
    `write-cache=${cache === "writethrough" ? "off" : "on"}`,
    ...Object.entries(place).map(([key, value]) => `${key}=${value}`),
  ];
  return ["-blockdev", JSON.stringify(node), "-device", device.join(",")];
}
