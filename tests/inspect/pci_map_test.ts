import { assertEquals } from "@std/assert";
import { busBehind, rootBus } from "../../lib/device/pci_bus.ts";
import { mapBuses } from "../../lib/inspect/pci_map.ts";
import { disk, idOf, nic, pciDevice, runtime } from "../support/facts.ts";

const Q35 = rootBus("pc-q35-7.2");
const BRIDGE = pciDevice(3, { id: "rp3", secondary: 1, description: "x" });
const RP3 = busBehind(BRIDGE, {
  properties: {
    ...{ hotplug: true, handler: "h", selector: 3, acpi: "on" },
    ...{ port: 3, devices: "some" },
  },
  root: Q35,
});
const DRIVERS = new Map([["rp3", "pcie-root-port"]]);

function slotsOf(facts: Parameters<typeof mapBuses>[0]) {
  return mapBuses(facts).map(({ bus, slots, free }) => [
    bus,
    slots.map((one) => [one.slot, one.function, one.id, one.description]),
    free,
  ]);
}

Deno.test("mapBuses() tells who is where, and what is free", () => {
  const id = idOf("nic", 0);
  const file = runtime({ nics: [nic(0, 0, { name: "lan" })] });
  const pci = [
    pciDevice(31, { function: 2, description: "SATA controller" }),
    pciDevice(1, { vendor: 0x1af4, device: 0x1002 }),
    BRIDGE,
    pciDevice(0, { id, bus: 1, behind: "rp3", description: "Ethernet" }),
  ];
  const qemu = { pci, buses: [Q35, RP3] };
  assertEquals(slotsOf({ qemu, runtime: file, drivers: DRIVERS }), [
    ["pcie.0", [
      [1, 0, null, "device 1af4:1002"],
      [3, 0, "rp3", "pcie-root-port"],
      [31, 2, null, "SATA controller"],
    ], []],
    ["rp3", [[0, 0, id, 'NIC 0 "lan"']], []],
  ]);
  const empty = { pci: pci.slice(0, 3), buses: [Q35, RP3] };
  assertEquals(
    slotsOf({ qemu: empty, runtime: undefined, drivers: DRIVERS })[1],
    ["rp3", [], [0]],
  );
});

Deno.test("mapBuses() has what only the file knows, and keeps its slot", () => {
  const file = runtime({ disks: [disk(0, 14)] });
  const pc = rootBus("pc");
  const qemu = { pci: [pciDevice(12, { id: "x" })], buses: [pc] };
  const [bus] = mapBuses({ qemu, runtime: file, drivers: new Map() });
  assertEquals(bus?.reserved, 12);
  assertEquals(bus?.slots.map(({ slot, seen }) => [slot, seen]), [
    [12, "in-qemu"],
    [14, "recorded"],
  ]);
  assertEquals(bus?.free.slice(0, 3), [13, 15, 16]);
});

Deno.test("mapBuses() shows buses that no device can be plugged into", () => {
  const pci = [
    pciDevice(2, { secondary: 1 }),
    pciDevice(4, { bus: 1, behind: "(bridge 2.0)" }),
  ];
  const qemu = { pci, buses: [rootBus("pc")] };
  const [, second] = mapBuses({ qemu, runtime: undefined, drivers: new Map() });
  assertEquals([second?.bus, second?.hotplug, second?.free], [
    "(bridge 2.0)",
    false,
    [],
  ]);
});
