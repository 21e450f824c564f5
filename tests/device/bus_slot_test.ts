import { assertEquals, assertStringIncludes } from "@std/assert";
import { addrOfSlot, takenSlots } from "../../lib/device/bus_slot.ts";
import { chooseSlot } from "../../lib/device/choose_slot.ts";
import { rootBus } from "../../lib/device/pci_bus.ts";
import type { PciDevice } from "../../lib/qmp/pci_query.ts";
import type { DeviceEntry } from "../../lib/state/runtime.ts";
import { disk, nic, pciDevice, refusal, runtime } from "../support/facts.ts";

const PC = rootBus("pc-i440fx-7.2");

function recorded(...slots: number[]): DeviceEntry[] {
  return [...runtime({ disks: slots.map((slot, i) => disk(i, slot)) }).disks];
}

function choose(
  { devices = [], live = [], reservations = 12, wanted }: {
    devices?: readonly DeviceEntry[];
    live?: readonly PciDevice[];
    reservations?: number;
    wanted?: number;
  },
): number {
  const facts = { recorded: devices, live, reservations, buses: [PC] };
  const place = chooseSlot(facts, "disk", { slot: wanted });
  assertEquals(place.bus, "pci.0");
  return place.slot;
}

Deno.test("chooseSlot() takes the lowest free slot above the reserved ones", () => {
  assertEquals(choose({}), 12);
  assertEquals(choose({ devices: recorded(12, 13) }), 14);
  assertEquals(choose({ reservations: 3 }), 3);
});

Deno.test("chooseSlot() reuses a hole as Ganeti does", () => {
  assertEquals(choose({ devices: recorded(0xc, 0xd, 0xf) }), 0xe);
  assertEquals(choose({ devices: recorded(0xc, 0xd, 0xe, 0xf) }), 0x10);
});

Deno.test("chooseSlot() shares the slots between disks and NICs", () => {
  const { disks, nics } = runtime({ disks: [disk(0, 12)], nics: [nic(0, 13)] });
  assertEquals(choose({ devices: [...disks, ...nics] }), 14);
});

Deno.test("chooseSlot() avoids a device only QEMU knows of", () => {
  const live = [pciDevice(12, { id: "extra0" }), pciDevice(13)];
  assertEquals(choose({ live }), 14);
});

Deno.test("chooseSlot() avoids a device only the file knows of", () => {
  assertEquals(choose({ devices: recorded(12), live: [pciDevice(0)] }), 13);
});

Deno.test("chooseSlot() minds only devices of the root bus", () => {
  const live = [
    pciDevice(12, { bus: 1, behind: "bridge1" }),
    pciDevice(12, { bus: 1 }),
    // Before the firmware has numbered the buses, all are 0.
    pciDevice(12, { bus: 0, behind: "bridge1" }),
  ];
  assertEquals(choose({ live }), 12);
  const scsi = runtime({
    disks: [disk(0, 12, { hvinfo: { id: "x", bus: "scsi.0", "scsi-id": 0 } })],
  }).disks;
  assertEquals(choose({ devices: scsi }), 12);
});

Deno.test("chooseSlot() takes a legacy slot to be on the bus", () => {
  const { disks } = runtime({
    disks: [[{ pci: 12, uuid: "u" }, null, null]],
  });
  assertEquals(choose({ devices: disks }), 13);
});

Deno.test("chooseSlot() may use every slot when none is reserved", () => {
  assertEquals(choose({ reservations: 0 }), 0);
  assertEquals(choose({ reservations: 0, live: [pciDevice(0)] }), 1);
});

Deno.test("chooseSlot() finds nothing when all is reserved or full", () => {
  const all = Array.from({ length: 32 }, (_, slot) => pciDevice(slot));
  const full = refusal("no-free-slot", () => choose({ live: all }));
  assertStringIncludes(full.message, "in use (12 to 31)");
  refusal("no-free-slot", () => choose({ reservations: 32 }));
  refusal("no-free-slot", () => choose({ reservations: 0, live: all }));
});

Deno.test("chooseSlot() names who is there when the bus is full", () => {
  const live = Array.from(
    { length: 20 },
    (_, i) => pciDevice(12 + i, { id: `dev${i}` }),
  );
  const { message } = refusal("no-free-slot", () => choose({ live }));
  assertStringIncludes(message, "12 dev0, 13 dev1");
  assertStringIncludes(message, "31 dev19");
});

Deno.test("chooseSlot() gives the slot that was asked for", () => {
  assertEquals(choose({ wanted: 20 }), 20);
  assertEquals(choose({ wanted: 5 }), 5);
});

Deno.test("chooseSlot() refuses a taken slot and names its holder", () => {
  const live = refusal(
    "no-free-slot",
    () => choose({ live: [pciDevice(5, { id: "balloon0" })], wanted: 5 }),
  );
  assertStringIncludes(live.message, "Slot 5 of pci.0 is taken by balloon0");
  const filed = refusal(
    "no-free-slot",
    () => choose({ devices: recorded(20), wanted: 20 }),
  );
  assertStringIncludes(filed.message, "disk-d0000000-1111-4111");
});

Deno.test("takenSlots() has a word for every holder", () => {
  const devices = runtime({ disks: [[{ pci: 4 }, null, null]] }).disks;
  const live = [
    pciDevice(0),
    pciDevice(1, { description: "ISA bridge" }),
    pciDevice(2, { id: "vga", description: "VGA controller" }),
  ];
  const taken = takenSlots({ recorded: devices, live }, PC);
  assertEquals(Object.fromEntries(taken), {
    0: "a device without an id",
    1: "ISA bridge",
    2: "vga",
    4: "disk 0",
  });
});

Deno.test("addrOfSlot() writes as Python's hex()", () => {
  assertEquals([0, 9, 12, 31].map(addrOfSlot), ["0x0", "0x9", "0xc", "0x1f"]);
});
