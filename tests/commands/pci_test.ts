import { assertEquals } from "@std/assert";
import { mapText } from "../../lib/commands/pci.ts";
import {
  type BridgeProperties,
  busBehind,
  rootBus,
} from "../../lib/device/pci_bus.ts";
import { mapBuses } from "../../lib/inspect/pci_map.ts";
import type { PciDevice } from "../../lib/qmp/pci_query.ts";
import {
  disk,
  idOf,
  pciDevice,
  type PlainObject,
  runtime,
} from "../support/facts.ts";

/** The picture of a machine with these devices. */
function draw(machine: string, pci: PciDevice[], disks: PlainObject[] = []) {
  const root = rootBus(machine);
  const buses = pci.filter(({ secondary }) => secondary !== undefined)
    .map((bridge) => {
      const isPort = bridge.id.startsWith("rp");
      const properties: BridgeProperties = {
        hotplug: isPort ? bridge.id !== "rp5" : undefined,
        handler: "/machine/q35",
        selector: 1,
        acpi: "on",
        port: 0,
        devices: "some",
      };
      return busBehind(bridge, { properties, root });
    });
  const file = runtime({ disks: disks.map((more, i) => disk(i, 0, more)) });
  return mapText({
    instance: "vm1",
    qemu: { version: "7.2.22", machine },
    buses: mapBuses({
      qemu: { pci, buses: [root, ...buses] },
      runtime: file,
      drivers: new Map(),
    }),
  });
}

const id = idOf("disk", 0);

Deno.test("mapText() draws the slots of pc", () => {
  const name = `a name that is much too long for ${"one line ".repeat(9)}`;
  const hvinfo = { id, bus: "pci.0", addr: "0xc" };
  const lines = draw("pc-i440fx-7.2", [
    pciDevice(1, { description: "ISA bridge" }),
    pciDevice(1, { function: 1, description: "IDE controller" }),
    pciDevice(12, { id }),
  ], [{ name, hvinfo }]);
  const cut = lines.findIndex((line) => line.endsWith("…"));
  assertEquals(lines.every((line) => line.length <= 80), true);
  assertEquals(lines.with(cut, "(cut)"), [
    "vm1: QEMU 7.2.22, pc-i440fx-7.2",
    "pci.0 (PCI, hotplug)",
    "   1.0  ISA bridge",
    "   1.1  IDE controller",
    "(cut)",
    "   -    free: 13-31",
    "   -    slots below 12 are reserved (kvm_pci_reservations)",
  ]);
});

Deno.test("mapText() draws ports, and what is behind a switch", () => {
  const hvinfo = { id, bus: "rp4", addr: "0x0" };
  assertEquals(
    draw("pc-q35-7.2", [
      pciDevice(3, { id: "rp3", secondary: 1 }),
      pciDevice(4, { id: "rp4", secondary: 2 }),
      pciDevice(5, { id: "rp5", secondary: 3 }),
      pciDevice(6, { id: "rp6", secondary: 4 }),
      pciDevice(0, { id, bus: 2, behind: "rp4" }),
      pciDevice(0, { id: "br1", bus: 4, behind: "rp6", secondary: 5 }),
    ], [{ name: "data", hvinfo }]),
    [
      "vm1: QEMU 7.2.22, pc-q35-7.2",
      "pcie.0 (PCIe, no hotplug)",
      "   3    rp3 port 3: free",
      `   4    rp4 port 4: disk 0 "data" (${id})`,
      "   5    rp5 port 5: empty, no hotplug",
      "   6    rp6 (PCIe, hotplug)",
      "         0    br1 (PCI, hotplug)",
      "               -    free: 1-31",
      "1 of 4 ports free: rp3",
    ],
  );
});
