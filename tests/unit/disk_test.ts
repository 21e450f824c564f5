import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  blockdevArguments,
  cacheMode,
  checkSettings,
  type DevType,
  type DiskDevice,
  diskDeviceArguments,
  diskDriver,
  diskEntry,
  type DiskSettings,
  isReproducible,
} from "../../lib/device/disk.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { NEW_UUID, refusal, runtime } from "./support.ts";

const PLAIN: DiskSettings = {
  cache: "default",
  aio: "threads",
  discard: "ignore",
  access: "rw",
};

function device(more: Partial<DiskDevice> = {}): DiskDevice {
  return {
    id: "disk-932df160-7a22-4067",
    uuid: NEW_UUID,
    place: { bus: "pci.0", slot: 13 },
    devType: "file",
    source: "/srv/new.img",
    resolved: more.source ?? "/srv/new.img",
    sizeBytes: 64 * 1024 * 1024,
    settings: PLAIN,
    ...more,
  };
}

Deno.test("cacheMode() is Ganeti's table", () => {
  const cases: [string, DevType, boolean, "on" | "off"][] = [
    ["none", "file", true, "on"],
    ["writeback", "file", false, "on"],
    ["default", "file", false, "on"],
    ["writethrough", "file", false, "off"],
    ["none", "blockdev", true, "on"],
    ["writeback", "blockdev", true, "on"],
    ["default", "blockdev", true, "on"],
    ["writethrough", "blockdev", true, "on"],
  ];
  for (const [cache, devType, direct, writeCache] of cases) {
    assertEquals(cacheMode(cache, devType), { direct, writeCache }, cache);
  }
});

Deno.test("cacheMode() refuses a word Ganeti does not have", () => {
  const error = refusal("unsupported", () => cacheMode("unsafe", "file"));
  assertStringIncludes(error.message, '"unsafe"');
  assertStringIncludes(error.message, "writethrough");
});

Deno.test("diskDriver() knows Ganeti's and QEMU's word", () => {
  assertEquals(diskDriver("paravirtual"), "virtio-blk-pci");
  assertEquals(diskDriver("virtio-blk-pci"), "virtio-blk-pci");
  for (const word of ["scsi-hd", "ide", "", "constructor"]) {
    refusal("unsupported", () => diskDriver(word));
  }
});

Deno.test("blockdevArguments() never probes and sets everything explicitly", () => {
  assertEquals(blockdevArguments(device(), "/dev/fdset/3"), {
    driver: "raw",
    "node-name": "disk-932df160-7a22-4067",
    discard: "ignore",
    cache: { direct: false, "no-flush": false },
    "read-only": false,
    "auto-read-only": false,
    file: {
      driver: "file",
      filename: "/dev/fdset/3",
      aio: "threads",
      cache: { direct: false, "no-flush": false },
      discard: "ignore",
      "read-only": false,
      "auto-read-only": false,
    },
  });
});

/** The members of both nodes of a blockdev-add. */
function nodes(more: Partial<DiskDevice>) {
  const top = blockdevArguments(device(more), "x");
  return [top, top["file"] as Record<string, unknown>];
}

Deno.test("blockdevArguments() opens a block device past the page cache", () => {
  const both = nodes({ devType: "blockdev" });
  assertEquals(both[1]?.["driver"], "host_device");
  for (const node of both) {
    assertEquals(node["cache"], { direct: true, "no-flush": false });
  }
});

Deno.test("blockdevArguments() opens with O_DIRECT only for cache none", () => {
  for (const cache of ["none", "writeback", "writethrough", "default"]) {
    for (const node of nodes({ settings: { ...PLAIN, cache } })) {
      const direct = cache === "none";
      assertEquals(node["cache"], { direct, "no-flush": false });
    }
  }
});

Deno.test("blockdevArguments() makes both nodes read-only", () => {
  for (const node of nodes({ settings: { ...PLAIN, access: "ro" } })) {
    assertEquals(node["read-only"], true);
    assertEquals(node["auto-read-only"], false);
  }
});

Deno.test("blockdevArguments() tells both nodes what to discard", () => {
  for (const node of nodes({ settings: { ...PLAIN, discard: "unmap" } })) {
    assertEquals(node["discard"], "unmap");
  }
});

Deno.test("diskDeviceArguments() are typed", () => {
  assertEquals(diskDeviceArguments(device()), {
    driver: "virtio-blk-pci",
    id: "disk-932df160-7a22-4067",
    bus: "pci.0",
    addr: "0xd",
    drive: "disk-932df160-7a22-4067",
    "write-cache": "on",
  });
  const settings = { ...PLAIN, cache: "writethrough", queues: 4 };
  const more = diskDeviceArguments(device({ settings, iothread: "io0" }));
  assertEquals(more["write-cache"], "off");
  assertEquals(more["num-queues"], 4);
  assertEquals(more["iothread"], "io0");
});

Deno.test("checkSettings() refuses aio native on a cached file", () => {
  const native = { ...PLAIN, aio: "native" };
  checkSettings({ ...native, cache: "none" }, "file");
  checkSettings(native, "blockdev");
  checkSettings({ ...PLAIN, aio: "io_uring" }, "file");
  for (const cache of ["default", "writeback", "writethrough"]) {
    // Well-formed but false of this disk is 3, not 2: INTERFACE.
    refusal("refused", () => checkSettings({ ...native, cache }, "file"));
  }
});

Deno.test("isReproducible() compares what QEMU would get at start", () => {
  const { hvparams } = runtime({ hvparams: {} });
  const cases: [Partial<DiskSettings>, DevType, boolean][] = [
    [{}, "file", true],
    [{ cache: "writeback" }, "file", true],
    [{ cache: "none" }, "file", false],
    [{ cache: "none" }, "blockdev", true],
    [{ cache: "writethrough" }, "file", false],
    [{ aio: "io_uring" }, "file", false],
    [{ discard: "unmap" }, "file", false],
    [{ access: "ro" }, "file", false],
    [{ queues: 1 }, "file", false],
  ];
  for (const [settings, devType, expected] of cases) {
    const actual = isReproducible({ ...PLAIN, ...settings }, hvparams, devType);
    assertEquals(actual, expected, JSON.stringify(settings));
  }
});

function entryText(disk: DiskDevice, reproducible = true): string {
  return diskEntry(disk, { index: 1, reproducible });
}

Deno.test("diskEntry() is Ganeti's object, keys in Ganeti's order", () => {
  assertEquals(
    entryText(device({ name: "data" })),
    '[{"name": "data", "dev_type": "file", ' +
      '"logical_id": ["loop", "/srv/new.img"], "iv_name": "disk/1", ' +
      '"size": 64, "mode": "rw", "params": {}, ' +
      '"hvinfo": {"driver": "virtio-blk-pci", ' +
      '"id": "disk-932df160-7a22-4067", "bus": "pci.0", "addr": "0xd"}, ' +
      `"uuid": "${NEW_UUID}"}, "/srv/new.img", null]`,
  );
});

Deno.test("diskEntry() names a block device as Ganeti does", () => {
  const text = entryText(device({ devType: "blockdev", source: "/dev/sdz" }));
  assertStringIncludes(
    text,
    '"dev_type": "blockdev", "logical_id": ["manual", "/dev/sdz"]',
  );
});

Deno.test("diskEntry() counts a begun MiB as one", () => {
  for (const [sizeBytes, mib] of [[1, 1], [1048576, 1], [1048577, 2]]) {
    const text = entryText(device({ sizeBytes: sizeBytes ?? 0 }));
    assertStringIncludes(text, `"size": ${mib},`);
  }
});

Deno.test("diskEntry() is one Ganeti's start refuses if it would differ", () => {
  assertStringIncludes(entryText(device(), false), '"mode": "ro"');
});

Deno.test("diskEntry() reads back as the disk it was made from", () => {
  const text = `[[], [], {}, [${entryText(device({ name: "é\u202e" }))}]]`;
  const entry = parseRuntime(text, "x").disks[0];
  assertEquals([entry?.uuid, entry?.name], [NEW_UUID, "é\u202e"]);
  assertEquals(entry?.hvinfo.slot, 13);
  assertEquals([entry?.link, entry?.uri], ["/srv/new.img", null]);
});
