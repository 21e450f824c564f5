/**
 * A machine with a SCSI bus. One for all tests: its guest is booted once.
 *
 * @module
 */

import type { EachOptions } from "./each_release.ts";

/**
 * The controller as Ganeti starts it, with a CD-ROM on target 1 that nothing
 * but QEMU knows of.
 */
export const SCSI_ARGS: readonly string[] = [
  ...["-device", "virtio-scsi-pci,id=scsi"],
  ...["-device", "scsi-cd,bus=scsi.0,scsi-id=1"],
];

/** The same with the hvparam that goes with it. */
export const SCSI_MACHINE: EachOptions = {
  extraArgs: SCSI_ARGS,
  runtime: { hvparams: { disk_type: "scsi-hd" } },
};
