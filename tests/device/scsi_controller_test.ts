import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  busBehind,
  PC_BUS,
  type PciBus,
  rootBus,
} from "../../lib/device/pci_bus.ts";
import {
  busOf,
  chooseController,
  controllerOf,
  controllerWords,
  tellsGuest,
} from "../../lib/device/scsi_controller.ts";
import { startsWith } from "../../lib/device/scsi_target.ts";
import { disk, pciDevice, refusal, runtime } from "../support/facts.ts";

const PC = rootBus("pc-i440fx-7.2");
const Q35 = rootBus("pc-q35-7.2");

function facts(
  { taken = [], buses = [PC], reservations = 12, disks = [] }: {
    readonly taken?: readonly number[];
    readonly buses?: readonly PciBus[];
    readonly reservations?: number;
    readonly disks?: Parameters<typeof runtime>[0]["disks"];
  } = {},
) {
  return {
    recorded: runtime({ disks }).disks,
    live: taken.map((slot) => pciDevice(slot)),
    buses,
    reservations,
  };
}

/** A port of this name in a slot of the root bus. */
function port(slot: number, id = `rp${slot}`): PciBus {
  return busBehind(
    pciDevice(slot, { id, secondary: slot, vendor: 0x1b36, device: 12 }),
    {
      root: Q35,
      properties: {
        hotplug: true,
        handler: `/machine/peripheral/${id}`,
        selector: undefined,
        acpi: "on",
        port: undefined,
        devices: "none",
      },
    },
  );
}

const range = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

Deno.test("chooseController() keeps out of the slots that Ganeti gives", () => {
  const place = (given: Parameters<typeof facts>[0]) =>
    chooseController(facts(given), "lsi").place;
  assertEquals(place({ taken: [0, 1, 2] }).slot, 11);
  assertEquals(place({ taken: [0, 1, 11] }).slot, 10);
  assertEquals(place({ taken: [0, 1], disks: [disk(0, 11)] }).slot, 10);
  assertEquals(place({ taken: range(0, 11) }).slot, 31);
  assertEquals(place({ taken: [0, 1], reservations: 0 }).slot, 31);
});

Deno.test("chooseController() takes the last port for disks", () => {
  const buses = [Q35, ...range(3, 26).map((slot) => port(slot))];
  assertEquals(chooseController(facts({ buses }), "lsi").place, {
    bus: "rp26",
    slot: 0,
    port: 26,
  });
});

Deno.test("chooseController() takes another port where disks have none", () => {
  const buses = [Q35, ...range(3, 26).map((slot) => port(slot))];
  const disks = range(11, 26).map((slot, i) => {
    const hvinfo = { driver: "virtio-blk-pci", id: `d${i}`, addr: "0x0" };
    return disk(i, 0, { hvinfo: { ...hvinfo, bus: `rp${slot}` } });
  });
  const { place } = chooseController(facts({ buses, disks }), "lsi");
  assertEquals(place.bus, "rp10");
});

Deno.test("chooseController() finds no room, and says who is there", () => {
  const full = facts({ taken: range(0, 31) });
  const error = refusal("no-free-slot", () => chooseController(full, "lsi"));
  assertStringIncludes(error.message, "no SCSI controller");
  assertStringIncludes(error.message, "in use (0 to 31)");
  const bare = facts({ buses: [Q35] });
  const ports = refusal("no-free-slot", () => chooseController(bare, "lsi"));
  assertStringIncludes(ports.hint ?? "", "pcie-root-port");
});

Deno.test("controllerWords() make the bus that the disk is recorded on", () => {
  for (const word of ["lsi", "virtio-scsi-pci", "megasas", "dc390"]) {
    const controller = chooseController(facts(), word);
    const words = controllerWords(controller);
    assertEquals(words, ["-device", `${word},id=scsi,bus=${PC_BUS},addr=0xb`]);
    assertEquals(startsWith(["kvm", ...words], busOf(controller)), true);
    assertEquals(
      tellsGuest(busOf(controller).controller),
      word === "virtio-scsi-pci",
    );
  }
  refusal("unsupported", () => chooseController(facts(), "pvscsi"));
});

Deno.test("controllerOf() goes by the words that made the bus", () => {
  const words = ["kvm", "-device", "lsi,id=scsi,bus=pci.0,addr=0xb"];
  assertEquals(controllerOf({ bus: "scsi.0", scsiId: 3 }, words), "lsi53c895a");
  assertEquals(controllerOf({ bus: "scsi.0", scsiId: 3 }, ["kvm"]), undefined);
  assertEquals(controllerOf({ bus: "pci.0", slot: 3 }, words), undefined);
});
