/** The version `--version` prints; `deno.json` carries the same. */
export const VERSION = "0.1.0";

/** What the tool does, for usage text, manual page and package. */
export const SUMMARY =
  "hotplug disks, NICs, processors and memory of running QEMU/KVM VMs";
