/**
 * Machines with PCIe ports and bridges.
 *
 * @module
 */

import type { MachineOptions } from "./vm.ts";

function devices(...words: string[]): string[] {
  return words.flatMap((word) => ["-device", word]);
}

/** The ports that the next Ganeti gives an instance: SPEC 4.3. */
export const GANETI_PORTS: Partial<MachineOptions> = {
  machine: "q35",
  extraArgs: devices(
    ...Array.from({ length: 24 }, (_, i) => i + 3).map((n) => {
      const addr = `0x${n.toString(16)}`;
      return `pcie-root-port,id=rp${n},bus=pcie.0,addr=${addr},chassis=${n},port=${n}`;
    }),
  ),
};

/**
 * Ports of other names, one of them without hotplug, one behind a switch; and
 * a bridge whose own controller is all that would tell the guest.
 */
export const OTHER_PORTS: Partial<MachineOptions> = {
  machine: "q35",
  extraArgs: [
    "-global",
    "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
    ...devices(
      "pcie-root-port,id=off1,chassis=1,hotplug=off",
      "pcie-root-port,id=left,chassis=2",
      "pcie-root-port,id=up,chassis=3",
      "x3130-upstream,id=us,bus=up",
      "xio3130-downstream,id=ds1,bus=us,chassis=4,slot=1",
      "pcie-root-port,id=pb,chassis=8",
      "pcie-pci-bridge,id=ppb,bus=pb",
    ),
  ],
};

/** pc with conventional bridges, with and without a controller of their own. */
export const PC_BRIDGES: Partial<MachineOptions> = {
  extraArgs: devices(
    "pci-bridge,id=br1,chassis_nr=1",
    "pci-bridge,id=br2,chassis_nr=2,shpc=off",
  ),
};
