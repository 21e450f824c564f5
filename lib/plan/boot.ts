/**
 * The boot device of a VM. Ganeti writes it at each start, not into the runtime
 * file: SPEC 13, "Boot order". Pure.
 *
 * @module
 */

import { optionValues } from "../state/fixed_command.ts";
import type { Runtime } from "../state/runtime.ts";

/**
 * The kind of device in the hvparams; undefined: none, or not to be written by
 * us.
 */
function bootDevice({ hvparams, kvmCmd }: Runtime) {
  // With a kernel there is no boot device; `adopt` writes no kernel.
  if (hvparams.kernelPath !== "") return undefined;
  if (optionValues(kvmCmd, "-boot").length > 0) return undefined;
  const { bootOrder } = hvparams;
  return bootOrder === "disk" || bootOrder === "network"
    ? bootOrder
    : undefined;
}

/** Whether the next Ganeti started the VM: it names the boot device itself. */
function namesDevice({ kvmCmd }: Runtime): boolean {
  return optionValues(kvmCmd, "-name").some((value) =>
    value.includes("debug-threads=on")
  );
}

/** The words before the disks: up to Ganeti 3.1, an option names the kind. */
export function bootWords(runtime: Runtime): string[] {
  return bootDevice(runtime) === "disk" && !namesDevice(runtime) &&
      runtime.disks.length > 0
    ? ["-boot", "order=c"]
    : [];
}

/** The property of the first device of a kind, if it is the boot device. */
export function bootProperty(
  runtime: Runtime,
  device: "disk" | "network",
): { readonly bootindex?: 1 } {
  return bootDevice(runtime) === device && namesDevice(runtime)
    ? { bootindex: 1 }
    : {};
}

/** Whether a start gives a device the first place in the boot order. */
export function givesBootIndex(runtime: Runtime): boolean {
  return bootDevice(runtime) !== undefined && namesDevice(runtime);
}
