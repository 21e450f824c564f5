import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  devicesOf,
  formatRuntime,
  parseRuntime,
  slotOfAddr,
} from "../../lib/state/runtime.ts";
import { present, refusal, sample, sampleNames } from "../support/facts.ts";

Deno.test("parseRuntime() understands what Ganeti 3.1 wrote", () => {
  const { disks, nics, kvmCmd, hvparams } = parseRuntime(sample("05"), "x");
  assertEquals(kvmCmd.slice(0, 5), [
    "/usr/bin/kvm",
    "-name",
    "inst1.example.com",
    "-m",
    "256",
  ]);
  assertEquals(hvparams.diskType, "paravirtual");
  const { node: _, ...second } = present(disks[1]);
  assertEquals(second, {
    kind: "disk",
    index: 1,
    uuid: "d0000001-1111-4111-8111-000000000001",
    name: undefined,
    hvinfo: {
      driver: "virtio-blk-pci",
      id: "disk-d0000001-1111-4111",
      bus: "pci.0",
      slot: 14,
      channel: undefined,
      scsiId: undefined,
      lun: undefined,
    },
    devType: "file",
    link: "/var/run/ganeti/instance-disks/inst1.example.com:1",
    uri: null,
    sizeMib: 64,
    mode: "rw",
  });
  assertEquals(
    nics.map(({ mac, mode, link, hvinfo }) => [mac, mode, link, hvinfo.slot]),
    [
      ["aa:00:00:00:00:00", "bridged", "br0", 13],
      ["aa:00:00:00:00:01", "bridged", "br0", 15],
    ],
  );
});

Deno.test("parseRuntime() understands every sample", () => {
  const counts = sampleNames().map((name) => {
    const { disks, nics, root } = parseRuntime(sample(name), name);
    assertEquals(formatRuntime(root), sample(name));
    return [name.slice(0, 2), disks.length, nics.length];
  });
  assertEquals(counts, [
    ["02", 1, 2],
    ["02", 1, 2],
    ["02", 1, 2],
    ["03", 1, 1],
    ["04", 2, 2],
    ["04", 2, 2],
    ["04", 2, 2],
    ["05", 2, 2],
    ["07", 2, 0],
    ["08", 2, 1],
    ["10", 2, 2],
  ]);
});

Deno.test("parseRuntime() understands a slot written as pci", () => {
  const { disks, nics } = parseRuntime(sample("02-2.10"), "x");
  assertEquals(disks.map((one) => one.hvinfo.slot), [4]);
  assertEquals(nics.map((one) => one.hvinfo.slot), [5, undefined]);
});

Deno.test("parseRuntime() understands disks on a SCSI bus", () => {
  const { disks } = parseRuntime(sample("08"), "x");
  const places = disks.map((
    { name, hvinfo: { bus, channel, scsiId, lun } },
  ) => [name, bus, channel, scsiId, lun]);
  assertEquals(places, [
    [undefined, "scsi.0", 0, 0, 0],
    ["data", "scsi.0", 0, 1, 0],
  ]);
});

Deno.test("parseRuntime() understands disks reached by a URI", () => {
  const { disks } = parseRuntime(sample("07"), "x");
  assertEquals(disks[0]?.link, null);
  assertStringIncludes(disks[0]?.uri ?? "", "rbd:");
});

Deno.test("parseRuntime() keeps the numbers of kvm_cmd as their text", () => {
  const text = '[["-m", 1024.0, 12345678901234567890], [], {}, []]';
  assertEquals(parseRuntime(text, "x").kvmCmd, [
    "-m",
    "1024.0",
    "12345678901234567890",
  ]);
});

Deno.test("parseRuntime() refuses a bad file with place and reason", () => {
  const cases: [string, string][] = [
    ["", "unexpected end at line 1, column 1"],
    ["[[], [], {}, []", "expected ',' or ']' at line 1, column 16"],
    ["{}", "the file must be a list: it is object"],
    ["[]", "element 0 (kvm_cmd) must be a list: it is missing"],
    ["[[]]", "element 1 (nics) must be a list: it is missing"],
    ["[[], {}]", "element 1 (nics) must be a list: it is object"],
    ["[[], [], []]", "element 2 (hvparams) must be an object"],
    ["[[], [], {}, null]", "element 3 (disks) must be a list: it is null"],
    ["[[], [7], {}, []]", "NIC 0 must be an object: it is number"],
    ["[[], [], {}, [{}]]", "disk 0 must be a list: it is object"],
    ["[[], [], {}, [[]]]", "disk 0 must begin with an object"],
    ["[[], [], {}, [[{}, 7]]]", "link of disk 0 must be text or null"],
    ["[[], [], {}, [[{}, null, []]]]", "uri of disk 0 must be text or null"],
  ];
  for (const [text, why] of cases) {
    const error = refusal("bad-state-file", () => parseRuntime(text, "/f"));
    assertStringIncludes(error.message, "runtime file /f");
    assertStringIncludes(error.message, why);
  }
});

Deno.test("slotOfAddr() reads QEMU's forms of a slot", () => {
  const cases: [string, number | undefined][] = [
    ["0xc", 12],
    ["0x0c", 12],
    ["c", 12],
    ["1F", 31],
    ["0x1f.7", 31],
    ["0x20", undefined],
    ["", undefined],
    ["0x", undefined],
    ["-1", undefined],
    ["12 ", undefined],
    ["0xc.8", undefined],
  ];
  for (const [addr, slot] of cases) assertEquals(slotOfAddr(addr), slot, addr);
});

Deno.test("devicesOf() gives all devices, disks first", () => {
  const { disks, nics } = parseRuntime(sample("05"), "x");
  const all = devicesOf({ disks, nics });
  assertEquals(all, [...disks, ...nics]);
  assertEquals([disks.length, nics.length].every((length) => length > 0), true);
});
