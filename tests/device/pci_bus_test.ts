import { assertEquals, assertStringIncludes } from "@std/assert";
import { freeSlots, type SlotFacts } from "../../lib/device/bus_slot.ts";
import { chooseSlot, type WantedPlace } from "../../lib/device/choose_slot.ts";
import {
  type BridgeProperties,
  busBehind,
  type PciBus,
  rootBus,
} from "../../lib/device/pci_bus.ts";
import type { PciDevice } from "../../lib/qmp/pci_query.ts";
import { disk, pciDevice, refusal, runtime } from "../support/facts.ts";

const Q35 = rootBus("pc-q35-7.2");

const PORT: BridgeProperties = {
  hotplug: true,
  handler: "/machine/unattached/device[2]",
  selector: 2,
  acpi: "on",
  port: 0,
  devices: "none",
};

/** The bus behind a bridge in this slot of the root bus. */
function bus(
  id: string,
  slot: number,
  more: Partial<BridgeProperties> & { bridge?: Partial<PciDevice> } = {},
): PciBus {
  const { bridge, ...properties } = more;
  return busBehind(pciDevice(slot, { id, secondary: 1, ...bridge }), {
    properties: { ...PORT, ...properties },
    root: Q35,
  });
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** SPEC 4.3. */
const GANETI = range(3, 26).map((n) => bus(`rp${n}`, n, { port: n }));
const NO_PORT = { hotplug: undefined, port: undefined };
const SWITCH = bus("us", 0, {
  ...NO_PORT,
  bridge: { behind: "up", vendor: 0x104c, device: 0x8232 },
});
const CONVENTIONAL = { vendor: 0x1b36, device: 1 };
const MIXED = [
  bus("off1", 1, { hotplug: false }),
  bus("left", 2, { port: 17 }),
  bus("up", 3),
  SWITCH,
  bus("ds1", 1, { bridge: { behind: "us" } }),
  bus("br1", 4, { bridge: CONVENTIONAL }),
  bus("br2", 7, { hotplug: false, bridge: CONVENTIONAL }),
  bus("deaf", 5, { ...NO_PORT, handler: "" }),
  bus("own", 6, { ...NO_PORT, handler: "/machine/peripheral/own" }),
];

function slotFacts(
  buses: readonly PciBus[],
  more: Partial<SlotFacts> = {},
): SlotFacts {
  return { recorded: [], live: [], reservations: 12, buses, ...more };
}

function choose(
  facts: SlotFacts,
  { kind = "disk", ...wanted }: WantedPlace & { kind?: "disk" | "nic" } = {},
) {
  const { bus, slot, acpiIndex } = chooseSlot(facts, kind, wanted);
  return acpiIndex === undefined ? [bus, slot] : [bus, slot, acpiIndex];
}

/** A live device behind each of these. */
function behind(...names: string[]): PciDevice[] {
  return names.map((name) => pciDevice(0, { bus: 1, behind: name, id: "x" }));
}

Deno.test("chooseSlot() keeps to Ganeti's ports where an instance has them", () => {
  const facts = slotFacts([Q35, ...GANETI]);
  assertEquals(choose(facts), ["rp11", 0]);
  assertEquals(choose(facts, { kind: "nic" }), ["rp3", 0, 1]);
  const more = slotFacts([Q35, ...GANETI], { live: behind("rp3", "rp11") });
  assertEquals(choose(more), ["rp12", 0]);
  assertEquals(choose(more, { kind: "nic" }), ["rp4", 0, 2]);
});

Deno.test("chooseSlot() never mixes Ganeti's pools of ports", () => {
  const live = behind(...range(3, 10).map((n) => `rp${n}`));
  const facts = slotFacts([Q35, ...GANETI], { live });
  const { message, hint } = refusal(
    "no-free-slot",
    () => choose(facts, { kind: "nic" }),
  );
  assertStringIncludes(message, "the 8 buses for a NIC: rp3 x, rp4 x");
  assertStringIncludes(hint ?? "", "pcie-root-port");
  assertStringIncludes(hint ?? "", "--bus rp11 has room");
  assertEquals(choose(facts, { kind: "nic", bus: "rp20" }), ["rp20", 0]);
  assertEquals(choose(facts), ["rp11", 0]);
});

Deno.test("chooseSlot() takes a machine's own rp1… for no layout of Ganeti's", () => {
  const buses = [Q35, ...range(1, 16).map((n) => bus(`rp${n}`, n))];
  assertEquals(choose(slotFacts(buses)), ["rp1", 0]);
  assertEquals(choose(slotFacts(buses), { kind: "nic" }), ["rp1", 0]);
});

Deno.test("chooseSlot() takes ports that take hotplug, then bridges", () => {
  const [first, ...more] = [
    ["left", 0],
    ["ds1", 0],
    ["br1", 1],
    ["br1", 2],
  ];
  const live = [
    pciDevice(0, { bus: 2, behind: "up", id: "us", secondary: 3 }),
    pciDevice(1, { bus: 3, behind: "us", id: "ds1", secondary: 4 }),
  ];
  const facts = slotFacts([Q35, ...MIXED], { live });
  assertEquals(choose(facts), first);
  const used = [...live];
  for (const next of more) {
    const [name, slot] = choose(slotFacts([Q35, ...MIXED], { live: used }));
    used.push(pciDevice(Number(slot), { bus: 9, behind: String(name) }));
    assertEquals(
      choose(slotFacts([Q35, ...MIXED], { live: used })),
      next,
    );
  }
});

Deno.test("chooseSlot() takes the bus that was asked for", () => {
  const facts = slotFacts([Q35, ...MIXED], { live: behind("ds1") });
  assertEquals(choose(facts, { bus: "left" }), ["left", 0]);
  assertEquals(choose(facts, { bus: "left", slot: 0 }), ["left", 0]);
  assertEquals(choose(facts, { bus: "left", slot: 17 }), ["left", 0]);
  assertEquals(choose(facts, { bus: "br1" }), ["br1", 1]);
  assertEquals(choose(facts, { bus: "br1", slot: 31 }), ["br1", 31]);
  // Without a bus, a slot is the number of a port.
  assertEquals(choose(facts, { slot: 17 }), ["left", 0]);
  const refused: [WantedPlace, "unsupported" | "no-free-slot", string][] = [
    [
      { bus: "pcie.0" },
      "unsupported",
      "buses with hotplug: left, up, ds1, br1, own",
    ],
    [{ bus: "off1" }, "unsupported", "off1 has no hotplug"],
    [{ bus: "br2" }, "unsupported", "br2 has no hotplug"],
    [{ bus: "deaf" }, "unsupported", "deaf has no hotplug"],
    [{ bus: "us", slot: 1 }, "unsupported", "us has no hotplug"],
    [{ bus: "rp1" }, "unsupported", "no PCI bus rp1"],
    [{ bus: "left", slot: 1 }, "unsupported", "a port has only slot 0"],
    [{ bus: "br1", slot: 0 }, "unsupported", "from 1 to 31"],
    [{ slot: 30 }, "unsupported", "has the number 30"],
    [{ bus: "ds1" }, "no-free-slot", "ds1 x"],
    [{ bus: "ds1", slot: 0 }, "no-free-slot", "Port ds1 is taken by x"],
  ];
  for (const [wanted, code, why] of refused) {
    const { message } = refusal(code, () => choose(facts, wanted));
    assertStringIncludes(message, why);
  }
});

Deno.test("chooseSlot() leaves alone what only the file has in a port", () => {
  const hvinfo = { id: "disk-x", bus: "left", addr: "0x0" };
  const { disks } = runtime({ disks: [disk(0, 0, { hvinfo })] });
  const facts = slotFacts([Q35, ...MIXED], { recorded: disks });
  assertEquals(choose(facts), ["up", 0]);
});

Deno.test("chooseSlot() leaves alone a device that query-pci does not show yet", () => {
  const early = { bridge: { secondary: 0 } };
  const buses = [
    Q35,
    bus("a", 1, { ...early, devices: "some" }),
    bus("b", 2, early),
  ];
  assertEquals(choose(slotFacts(buses)), ["b", 0]);
  // Behind a bridge any slot may be the one that is taken.
  const bridge = { ...CONVENTIONAL, secondary: 0 };
  const hidden = bus("br", 4, { ...NO_PORT, bridge, devices: "some" });
  const facts = slotFacts([Q35, hidden]);
  assertEquals(freeSlots(facts, hidden), []);
  for (const slot of [1, 2, 31]) {
    const { message } = refusal(
      "no-free-slot",
      () => choose(facts, { bus: "br", slot }),
    );
    assertStringIncludes(message, "a device that query-pci does not show yet");
  }
});

Deno.test("chooseSlot() goes where the guest needs a driver only if asked to", () => {
  const own = { ...NO_PORT, handler: "/machine/peripheral/own" };
  const facts = slotFacts([Q35, bus("own", 6, own)]);
  refusal("no-free-slot", () => choose(facts));
  assertEquals(choose(facts, { bus: "own" }), ["own", 1]);
});

Deno.test("chooseSlot() says what would help where there is no port", () => {
  const { hint } = refusal("no-free-slot", () => choose(slotFacts([Q35])));
  assertStringIncludes(hint ?? "", "-device pcie-root-port");
});

Deno.test("chooseSlot() on pc goes behind a bridge only if asked to", () => {
  const pc = rootBus("pc-i440fx-7.2");
  const buses = [pc, bus("br1", 4, NO_PORT)];
  const live = range(12, 31).map((slot) => pciDevice(slot, { id: "x" }));
  assertEquals(choose(slotFacts(buses)), ["pci.0", 12]);
  assertEquals(choose(slotFacts(buses), { bus: "br1" }), ["br1", 1]);
  const { hint } = refusal(
    "no-free-slot",
    () => choose(slotFacts(buses, { live })),
  );
  assertStringIncludes(hint ?? "", "--bus br1 has room");
});

Deno.test("freeSlots() has none where no device can be plugged", () => {
  const facts = slotFacts([Q35, ...MIXED]);
  const free = MIXED.map((one) => freeSlots(facts, one).length);
  assertEquals(free, [0, 1, 1, 0, 1, 31, 0, 0, 31]);
  assertEquals(freeSlots(facts, Q35), []);
});

Deno.test("busBehind() numbers a port by its property, its name, its slot", () => {
  const numbers = [
    bus("pci.4", 1, { port: 19 }),
    bus("rp7", 1),
    bus("left", 5),
    bus("br1", 4, NO_PORT),
  ].map((one) => one.number);
  assertEquals(numbers, [19, 7, 5, undefined]);
});

Deno.test("busBehind() takes no devices where ACPI would not, or nobody hears it", () => {
  const behind = (more: Partial<BridgeProperties>) => {
    const { hotplug, unplug } = bus("rp1", 1, more);
    return [hotplug, unplug];
  };
  assertEquals(behind({}), ["on", "on"]);
  assertEquals(behind({ selector: undefined }), ["off", "off"]);
  assertEquals(behind({ acpi: "off" }), ["off", "off"]);
  assertEquals(behind({ hotplug: false }), ["off", "off"]);
  const own = { handler: "/machine/peripheral/rp1", selector: undefined };
  assertEquals(behind({ ...own, acpi: "off" }), ["on", "on"]);
  // Firmware gives it no room for what may come; what is there can go.
  const noShpc = { hotplug: false, bridge: CONVENTIONAL };
  assertEquals(behind(noShpc), ["off", "on"]);
});

Deno.test("chooseSlot() refuses the root bus of a pc whose hotplug is off", () => {
  const told = { handler: "", selector: undefined, acpi: "on" } as const;
  const pc = rootBus("pc-i440fx-7.2", told);
  const buses = [pc, bus("br1", 4, NO_PORT)];
  for (const wanted of [{}, { slot: 13 }, { bus: "pci.0" }]) {
    const { message } = refusal(
      "unsupported",
      () => choose(slotFacts(buses), wanted),
    );
    assertEquals(
      message,
      "Bus pci.0 has no hotplug; buses with hotplug: br1",
    );
  }
  // 10.0 names who would handle it all the same.
  const handler = "/machine/unattached/device[3]/pm";
  assertEquals(rootBus("pc", { ...told, handler }).hotplug, "off");
  assertEquals(rootBus("pc", { ...told, handler, selector: 0 }).hotplug, "on");
});
