import { assertEquals } from "@std/assert";
import { PCI } from "../../lib/qmp/pci_query.ts";

function device(slot: number, more: Record<string, unknown> = {}) {
  return {
    ...{ bus: 0, slot, function: 0, qdev_id: "", regions: [] },
    class_info: { class: 0x0200, desc: "Ethernet controller" },
    id: { device: 0x1000, vendor: 0x1af4 },
    ...more,
  };
}

function bridge(slot: number, secondary: number, ...devices: unknown[]) {
  const bus = { number: 0, secondary, subordinate: secondary };
  return device(slot, { pci_bridge: { bus, devices } });
}

function read(...roots: unknown[]) {
  return PCI.read(roots).map(({ slot, id, behind, secondary }) => [
    ...[slot, id, behind, secondary],
  ]);
}

Deno.test("PCI reads each device, with what it sits behind", () => {
  const [one] = PCI.read([{ bus: 0, devices: [device(3, { qdev_id: "n" })] }]);
  assertEquals(one, {
    ...{ bus: 0, slot: 3, function: 0, id: "n", behind: "" },
    ...{ class: 0x0200, description: "Ethernet controller" },
    ...{ vendor: 0x1af4, device: 0x1000 },
  });
  const inner = bridge(0, 2, device(5, { qdev_id: "deep" }));
  const root = [
    device(1),
    bridge(2, 1, inner, device(7)),
    { ...bridge(4, 0), qdev_id: "port" },
  ];
  assertEquals(read({ bus: 0, devices: root }), [
    [1, "", "", undefined],
    [2, "", "", 1],
    [0, "", "(bridge 2.0)", 2],
    [5, "deep", "(bridge 0.0)", undefined],
    [7, "", "(bridge 2.0)", undefined],
    [4, "port", "", 0],
  ]);
});

Deno.test("PCI tells a second root bus from the first", () => {
  assertEquals(
    // QEMU has it in front.
    read({ bus: 9, devices: [device(2)] }, { bus: 0, devices: [device(1)] }),
    [[1, "", "", undefined], [2, "", "(bus 9)", undefined]],
  );
});

Deno.test("PCI follows bridges sixteen deep", () => {
  const below = (bridges: number) => {
    let nested: unknown = device(1, { qdev_id: "deepest" });
    for (let i = 0; i < bridges; i++) nested = bridge(1, 1, nested);
    return read({ bus: 0, devices: [nested] });
  };
  assertEquals(below(16).at(-1)?.[1], "deepest");
  const lost = below(17);
  assertEquals([lost.length, lost.at(-1)?.[1]], [17, ""]);
});
