import { assertEquals, assertStringIncludes } from "@std/assert";
import { findDevice, noSuchDevice, titleOf } from "../../lib/device/select.ts";
import { disk, nic, refusal, runtime, uuidOf } from "../support/facts.ts";

const PREFIXED = "00000012-aaaa-4aaa-8aaa-000000000000";

const { disks } = runtime({
  disks: [
    disk(0, 12, { name: "root" }),
    disk(1, 13, { name: "data" }),
    disk(2, 14, { uuid: PREFIXED }),
  ],
});

Deno.test("findDevice() finds one by every word that means it", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["2", 2],
    ["-1", 2],
    ["root", 0],
    ["data", 1],
    [uuidOf("disk", 1), 1],
    [uuidOf("disk", 1).toUpperCase(), 1],
    [uuidOf("disk", 1).slice(0, 8), 1],
    [uuidOf("disk", 1).slice(0, 13), 1],
    ["00000012", 2],
    ["disk-d0000001-1111-4111", 1],
  ];
  for (const [word, index] of cases) {
    assertEquals(findDevice(disks, word)?.index, index, word);
  }
});

Deno.test("findDevice() finds nothing by words that only look like it", () => {
  const words = [
    "3",
    "-2",
    "00",
    "+1",
    "1.0",
    " 1",
    "1e0",
    "0x1",
    "d000000", // seven characters
    "0000001",
    "disk-d0000001",
    "DATA",
    "dat",
    "",
    "00000013",
  ];
  for (const word of words) {
    assertEquals(findDevice(disks, word), undefined, JSON.stringify(word));
  }
});

Deno.test("findDevice() finds nothing where there is nothing", () => {
  for (const word of ["0", "-1", "root"]) {
    assertEquals(findDevice([], word), undefined);
  }
});

Deno.test("findDevice() finds a NIC in the same ways", () => {
  const { nics } = runtime({ nics: [nic(0, 12), nic(1, 13)] });
  assertEquals(findDevice(nics, "-1")?.index, 1);
  assertEquals(findDevice(nics, "nic-a0000000-1111-4111")?.index, 0);
  const [first, second] = nics;
  const mac = second?.mac ?? "";
  for (const word of [mac, mac.toUpperCase()]) {
    assertEquals(findDevice(nics, word)?.index, 1);
  }
  assertEquals(findDevice(nics, mac.slice(0, -1)), undefined);
  const twins = [first, second].flatMap((one) => one ? { ...one, mac } : []);
  const { candidates } = refusal(
    "ambiguous-device",
    () => findDevice(twins, mac),
  );
  assertEquals(candidates?.map(({ index }) => index), [0, 1]);
});

Deno.test("findDevice() keeps a recorded id of any form", () => {
  const hvinfo = { id: "hotdisk-d0000000-pci-4" };
  const legacy = runtime({ disks: [disk(0, 4, { hvinfo })] }).disks;
  assertEquals(findDevice(legacy, "hotdisk-d0000000-pci-4")?.index, 0);
});

const TWIN = "deadbeef-1111-4000-8000-000000000000";

Deno.test("findDevice() refuses more than one and lists the candidates", () => {
  const twins = runtime({
    disks: [
      disk(0, 12, { name: "1", uuid: "deadbeef-0000-4000-8000-000000000000" }),
      disk(1, 13, { name: "x", uuid: "deadbeef-1111-4000-8000-000000000000" }),
      disk(2, 14, { name: "x" }),
    ],
  }).disks;
  for (const word of ["1", "deadbeef", "x"]) {
    const { message, candidates } = refusal(
      "ambiguous-device",
      () => findDevice(twins, word),
    );
    assertEquals(candidates?.map(({ kind }) => kind), ["disk", "disk"]);
    assertStringIncludes(message, "matches 2 devices");
    assertEquals(candidates?.some(({ uuid }) => uuid === TWIN), true);
  }
  assertEquals(
    findDevice(twins, "deadbeef-1111-4000-8000-000000000000")?.index,
    1,
  );
});

Deno.test("titleOf() says what a person calls a device", () => {
  assertEquals(disks.map(titleOf), [
    'disk 0 "root"',
    'disk 1 "data"',
    "disk 2",
  ]);
  assertEquals(runtime({ nics: [nic(0, 12)] }).nics.map(titleOf), ["NIC 0"]);
});

Deno.test("noSuchDevice() lists what there is", () => {
  const error = noSuchDevice(disks, "nope", { title: "disk" });
  assertEquals(error.code, "no-such-device");
  assertStringIncludes(error.message, '"nope"');
  assertStringIncludes(error.message, "disk-d0000001-1111-4111");
  assertEquals(
    noSuchDevice([], "0", { title: "NIC" }).message,
    'No device "0": this instance has no NIC',
  );
});
