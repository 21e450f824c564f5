import { assertEquals } from "@std/assert";
import {
  type Ending,
  isEnding,
  refusalText,
  sayingOf,
} from "../../lib/device/ending.ts";
import type { Json } from "../../lib/qmp/message.ts";

const CPU: Ending = {
  asks: {
    execute: "query-hotpluggable-cpus",
    has: { "qom-path": "/machine/peripheral/vcpu-1" },
  },
  everyMs: 100,
  acpi: { slotType: "CPU", slot: "1" },
};

function event(name: string, data: Json) {
  return { event: name, data, timestampMs: 0 };
}

function ost(status: number, more: Json = {}) {
  const info = { slot: "1", "slot-type": "CPU", source: 3, status, ...more };
  return event("ACPI_DEVICE_OST", { info });
}

function saying(one: ReturnType<typeof event>, ending: Ending = CPU) {
  return sayingOf(one, "vcpu-1", ending);
}

Deno.test("sayingOf() takes the guest's answer by ACPI, of the device alone", () => {
  for (const status of [1, 0x80, 0x81, 0x82, 0x83]) {
    assertEquals(saying(ost(status, { device: "vcpu-1" })), "refused");
    assertEquals(saying(ost(status)), "refused");
  }
  assertEquals(saying(ost(132)), undefined);
  assertEquals(saying(ost(0)), "perhaps");
  // Of an insertion; of another device; of another place.
  for (
    const other of [
      { source: 1 },
      { device: "vcpu-2" },
      { slot: "2" },
      { "slot-type": "DIMM" },
    ]
  ) {
    assertEquals(saying(ost(130, other)), undefined, JSON.stringify(other));
  }
  // The place may be unknown.
  const dimm: Ending = { acpi: { slotType: "DIMM" } };
  assertEquals(saying(ost(130), dimm), undefined);
  assertEquals(saying(ost(130, { device: "vcpu-1" }), dimm), "refused");
  assertEquals(saying(ost(130), {}), undefined);
});

Deno.test("sayingOf() takes no event of an inner part for the device's", () => {
  const path = "/machine/peripheral/vcpu-1";
  const deleted = (data: Json) => saying(event("DEVICE_DELETED", data), {});
  assertEquals(deleted({ path: `${path}/lapic` }), undefined);
  assertEquals(deleted({ path }), "released");
  assertEquals(deleted({ path, device: "vcpu-1" }), "released");
  const refused = event("DEVICE_UNPLUG_GUEST_ERROR", { path });
  assertEquals([saying(refused), saying(refused, {})], ["refused", "refused"]);
  assertEquals(saying(event("DEVICE_TRAY_MOVED", { path })), undefined);
});

Deno.test("refusalText() says what QEMU sent", () => {
  assertEquals(refusalText(ost(130)), "ACPI_DEVICE_OST with status 130");
  const refused = event("DEVICE_UNPLUG_GUEST_ERROR", { device: "disk-1" });
  assertEquals(refusalText(refused), "DEVICE_UNPLUG_GUEST_ERROR for disk-1");
});

Deno.test("isEnding() takes questions alone", () => {
  assertEquals([isEnding({}), isEnding(CPU)], [true, true]);
  for (const execute of ["device_del", "quit", "query-", "Query-cpus"]) {
    assertEquals(isEnding({ asks: { execute, has: {} } }), false, execute);
  }
  for (const odd of [{ everyMs: 1 }, { every: 100 }, { acpi: {} }]) {
    assertEquals(isEnding(odd), false, JSON.stringify(odd));
  }
});
