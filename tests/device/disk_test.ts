import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  blockdevArguments,
  type DiskDevice,
  diskDeviceArguments,
  frontendArguments,
} from "../../lib/device/disk.ts";
import { diskDriver } from "../../lib/device/disk_driver.ts";
import {
  cacheMode,
  checkSettings,
  type DiskSettings,
  unlikeStart,
} from "../../lib/device/disk_settings.ts";
import { diskEntry } from "../../lib/device/entry.ts";
import { uriNode } from "../../lib/device/storage_uri.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { NEW_UUID, refusal, runtime } from "../support/facts.ts";

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
    driver: "virtio-blk-pci",
    devType: "file",
    source: "/srv/new.img",
    resolved: more.source ?? "/srv/new.img",
    sizeBytes: 64 * 1024 * 1024,
    settings: PLAIN,
    ...more,
  };
}

Deno.test("cacheMode() is Ganeti's table", () => {
  const cases: [string, string, boolean, "on" | "off"][] = [
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
  assertEquals(diskDriver("scsi-hd"), "scsi-hd");
  for (const word of ["scsi", "ide", "", "constructor"]) {
    refusal("unsupported", () => diskDriver(word));
  }
});

Deno.test("blockdevArguments() never probes and sets everything explicitly", () => {
  assertEquals(
    blockdevArguments(device(), {
      from: { filename: "/dev/fdset/3" },
    }),
    {
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
    },
  );
});

/** The members of both nodes of a blockdev-add. */
function nodes(more: Partial<DiskDevice>) {
  const top = blockdevArguments(device(more), {
    from: { filename: "x" },
  });
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
  const settings = { ...PLAIN, cache: "writethrough" };
  const given = { queues: 4, iothread: "io0" };
  const more = diskDeviceArguments(device({ settings, given }));
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
    // Well-formed but false of this disk is 3: INTERFACE, "Exit statuses".
    refusal("refused", () => checkSettings({ ...native, cache }, "file"));
  }
});

Deno.test("unlikeStart() names the options that a start would not give", () => {
  const { hvparams } = runtime({ hvparams: {} });
  const cases: [Partial<DiskSettings>, string, string][] = [
    [{}, "file", ""],
    [{ cache: "writeback" }, "file", ""],
    [{ cache: "none" }, "file", "cache"],
    [{ cache: "none" }, "blockdev", ""],
    [{ cache: "writethrough" }, "file", "cache"],
    [{ aio: "io_uring" }, "file", "aio"],
    [{ discard: "unmap" }, "file", "discard"],
    [{ access: "ro" }, "file", "read-only"],
    [{ access: "ro" }, "file", "read-only"],
  ];
  for (const [settings, devType, expected] of cases) {
    const actual = unlikeStart({ ...PLAIN, ...settings }, hvparams, devType);
    assertEquals(actual.join(" "), expected, JSON.stringify(settings));
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

Deno.test("blockdevArguments() knows what Ganeti's dev_type means", () => {
  const cases: [string, string, boolean][] = [
    ["file", "file", false],
    ["sharedfile", "file", true],
    ["gluster", "file", true],
    ["blockdev", "host_device", true],
    ["ext", "host_device", true],
    ["plain", "host_device", false],
    ["drbd", "host_device", false],
    ["rbd", "host_device", false],
    ["lvm", "host_device", false],
  ];
  for (const [devType, driver, direct] of cases) {
    const [top, file] = nodes({ devType });
    assertEquals(file?.["driver"], driver, devType);
    const cache = { direct, "no-flush": false };
    assertEquals([top?.["cache"], file?.["cache"]], [cache, cache], devType);
  }
});

Deno.test("blockdevArguments() leaves out what an old QEMU does not know", () => {
  const options = (major: number, minor: number) => ({
    from: { filename: "x" },
    release: { major, minor, micro: 0, package: "" },
  });
  for (const [major, minor] of [[2, 9], [3, 0]] as const) {
    const node = blockdevArguments(device(), options(major, minor));
    assertEquals("auto-read-only" in node, false);
  }
  const node = blockdevArguments(device(), options(3, 1));
  assertEquals(node["auto-read-only"], false);
});

Deno.test("checkSettings() knows since when QEMU has io_uring", () => {
  const settings = { ...PLAIN, aio: "io_uring" };
  const release = (major: number) => ({
    major,
    minor: 2,
    micro: 0,
    package: "",
  });
  checkSettings(settings, "file", release(5));
  refusal("unsupported", () => checkSettings(settings, "file", release(4)));
});

Deno.test("frontendArguments() gives a SCSI disk its place", () => {
  const address = { bus: "scsi.0", channel: 0, "scsi-id": 3, lun: 0 };
  const disk = { ...device(), address };
  const hd = frontendArguments({ ...disk, driver: "scsi-hd" });
  assertEquals([hd.bus, hd["scsi-id"], hd["write-cache"]], ["scsi.0", 3, "on"]);
  for (const driver of ["scsi-block", "scsi-generic"]) {
    const args = frontendArguments({ ...disk, driver });
    assertEquals("write-cache" in args, false, driver);
  }
});

Deno.test("blockdevArguments() puts a URI's node under the disk's", () => {
  const uri = "rbd:rbd/disk0";
  const node = blockdevArguments(device({ devType: "rbd" }), { from: { uri } });
  assertEquals(node["node-name"], device().id);
  assertEquals(node["file"], uriNode(uri));
});

Deno.test("uriNode() understands what Ganeti writes", () => {
  const cases: [string, unknown][] = [
    ["rbd:rbd/9b1f.rbd.disk0", {
      driver: "rbd",
      pool: "rbd",
      image: "9b1f.rbd.disk0",
    }],
    ["rbd:My-Pool/IMG:id=admin", {
      driver: "rbd",
      pool: "My-Pool",
      image: "IMG",
      user: "admin",
    }],
    ["gluster://127.0.0.1:24007/gv0/ganeti/9b1f.1", {
      driver: "gluster",
      volume: "gv0",
      path: "ganeti/9b1f.1",
      server: [{ type: "inet", host: "127.0.0.1", port: "24007" }],
    }],
    ["gluster://[fe80::1]:1/v/p", {
      driver: "gluster",
      volume: "v",
      path: "p",
      server: [{ type: "inet", host: "fe80::1", port: "1" }],
    }],
  ];
  for (const [uri, node] of cases) assertEquals(uriNode(uri), node);
  for (
    const uri of [
      "",
      "rbd:",
      "rbd:p",
      "rbd:p/i/x",
      "rbd:p/i:conf=/x",
      "ftp://x/y",
      "gluster://h/v",
    ]
  ) {
    refusal("unsupported", () => uriNode(uri));
  }
});
