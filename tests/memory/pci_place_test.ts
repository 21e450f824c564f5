import { assertEquals, assertMatch } from "@std/assert";
import type { SlotFacts } from "../../lib/device/bus_slot.ts";
import { type PciBus, rootBus } from "../../lib/device/pci_bus.ts";
import { pciPlace } from "../../lib/memory/pci_place.ts";
import { pciDevice, refusal } from "../support/facts.ts";

function port(number: number, more: Partial<PciBus> = {}): PciBus {
  return {
    ...{ name: `rp${number}`, kind: "port", type: "pcie", number },
    ...{ hotplug: "on", unplug: "on", by: "acpi-or-port" },
    ...{ slots: { first: 0, last: 0 }, devices: "none" },
    ...{ above: { bus: "pcie.0", slot: number } },
    ...more,
  };
}

function place(buses: readonly PciBus[], more: Partial<SlotFacts> = {}) {
  const facts = { recorded: [], live: [], buses, reservations: 12, ...more };
  const { bus, slot } = pciPlace(facts);
  return [bus, slot];
}

Deno.test("pciPlace() takes the highest slot that Ganeti never takes", () => {
  const pc = [rootBus("pc")];
  assertEquals(place(pc), ["pci.0", 11]);
  const live = [pciDevice(11), pciDevice(10)];
  assertEquals(place(pc, { live }), ["pci.0", 9]);
  refusal("no-free-slot", () => place(pc, { live, reservations: 0 }));
});

Deno.test("pciPlace() takes the port that Ganeti takes last", () => {
  const q35 = rootBus("q35");
  const ports = Array.from({ length: 24 }, (_, i) => port(i + 3));
  assertEquals(place([q35, ...ports]), ["rp26", 0]);
  const last = port(26, { hotplug: "off" });
  const most = [...ports.slice(0, -1), last];
  assertEquals(place([q35, ...most.toReversed()]), ["rp25", 0]);
  const taken = {
    ...{ kind: "disk", index: 0, uuid: undefined, name: undefined },
    hvinfo: { driver: "virtio-blk-pci", id: "d", bus: "rp25", slot: 0 },
  };
  assertEquals(place([q35, ...most], { recorded: [taken] }), ["rp24", 0]);
});

Deno.test("pciPlace() says that there is no port", () => {
  const { message } = refusal("no-free-slot", () => place([rootBus("q35")]));
  assertMatch(message, /^The VM has no port for a virtio-mem device/);
});
