import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type LiveMemory,
  type MachineMemory,
  machineMemory,
  memoryDevices,
  totalBytes,
} from "../../lib/memory/live.ts";
import {
  chooseAddr,
  chooseDimmSlot,
  freshId,
  type Placed,
} from "../../lib/memory/place.ts";
import { memoryChanges } from "../../lib/memory/reach.ts";
import {
  checkDimmSize,
  checkRequestedSize,
  readSize,
} from "../../lib/memory/size.ts";
import {
  isMemoryWords,
  memoryWords,
  type NewMemory,
  recordedMemory,
} from "../../lib/memory/recorded.ts";
import { refusal } from "../support/facts.ts";

const M = 1024 * 1024;
const G = 1024 * M;

/** The two answers of QEMU 7.2 and 10.0 after the same commands. */
const ANSWER = JSON.parse(
  '[{"type": "dimm", "data": {"memdev": "/objects/mem-dimm-0", "hotplugged": true, "addr": 5502926848, "hotpluggable": true, "size": 134217728, "slot": 1, "node": 0, "id": "dimm-0"}}, {"type": "virtio-mem", "data": {"memdev": "/objects/mem-vmem-0", "memaddr": 5637144576, "block-size": 2097152, "size": 0, "node": 0, "max-size": 1073741824, "requested-size": 0, "id": "vmem-0"}}, {"type": "nvdimm", "data": {"id": "x"}}]',
);

const MACHINE: MachineMemory = {
  baseBytes: 512 * M,
  slots: 4,
  maxBytes: 4 * G,
  region: { addr: 4 * G, sizeBytes: 7680 * M },
};

function dimm(n: number, bytes: number): LiveMemory {
  return {
    ...{ id: `dimm-${n}`, memdev: `mem-dimm-${n}`, driver: "pc-dimm" },
    ...{ addr: 4 * G + n * G, spanBytes: bytes, pluggedBytes: bytes },
    ...{ requestedBytes: bytes, slot: n, blockBytes: undefined },
  };
}

Deno.test("memoryDevices() and machineMemory() read what QEMU answers", () => {
  const [first, second, ...others] = memoryDevices(ANSWER);
  assertEquals(others, []);
  assertEquals(first, {
    ...{ id: "dimm-0", memdev: "mem-dimm-0", driver: "pc-dimm" },
    ...{ addr: 5502926848, spanBytes: 128 * M, pluggedBytes: 128 * M },
    ...{ requestedBytes: 128 * M, slot: 1, blockBytes: undefined },
  });
  assertEquals(second, {
    ...{ id: "vmem-0", memdev: "mem-vmem-0", driver: "virtio-mem-pci" },
    ...{ addr: 5637144576, spanBytes: G, pluggedBytes: 0, requestedBytes: 0 },
    ...{ slot: undefined, blockBytes: 2 * M },
  });
  assertEquals(memoryDevices({ not: "a list" }), []);
  const memory = { size: 536870912, slots: 4, "max-size": 4294967296 };
  const region = { addr: 4294967296, size: 8053063680 };
  assertEquals(machineMemory(memory, region), MACHINE);
  assertEquals(machineMemory({ size: 7 }, null), {
    ...{ baseBytes: 7, slots: 0, maxBytes: 7, region: undefined },
  });
  assertEquals(machineMemory(undefined, null), undefined);
  assertEquals(totalBytes(MACHINE, memoryDevices(ANSWER)), 640 * M);
});

Deno.test("checkDimmSize() names the nearest two", () => {
  const hint = (bytes: number) =>
    refusal("refused", () => checkDimmSize(bytes)).hint ?? "";
  checkDimmSize(128 * M);
  checkDimmSize(3 * G);
  assertStringIncludes(hint(100 * M), "128M and 256M");
  assertStringIncludes(hint(300 * M), "256M and 384M");
  assertStringIncludes(hint(0), "128M and 256M");
  assertStringIncludes(hint(G + 1), "1G and 1152M");
});

Deno.test("checkRequestedSize() takes multiples up to the backend's size", () => {
  const steps = { blockBytes: 2 * M, maxBytes: G };
  for (const good of [0, 2 * M, G]) checkRequestedSize("v", good, steps);
  const hint = (bytes: number) =>
    refusal("refused", () => checkRequestedSize("v", bytes, steps)).hint;
  assertEquals(hint(3 * M), "the nearest possible: 2M and 4M");
  assertEquals(hint(M), "the nearest possible: 0 and 2M");
  assertEquals(hint(2 * G), "the nearest possible: 1G");
  assertEquals(hint(-M), "the nearest possible: 0");
});

Deno.test("readSize() reads QEMU's forms of a size", () => {
  assertEquals(
    ["1073741824", "1G", "128m", "0x10", "1T", "1k"].map(readSize),
    [G, G, 128 * M, 16, 1024 * G, 1024],
  );
  assertEquals(["", "1.5G", "-1", "x", undefined].map(readSize), [
    ...[undefined, undefined, undefined, undefined, undefined],
  ]);
});

Deno.test("chooseDimmSlot() takes the lowest that is free", () => {
  const placed = (...slots: (number | undefined)[]): Placed[] =>
    slots.map((slot) => ({ slot, addr: 0, spanBytes: 0 }));
  assertEquals(chooseDimmSlot(MACHINE, []), 0);
  assertEquals(chooseDimmSlot(MACHINE, placed(0, 2, undefined)), 1);
  refusal("no-free-slot", () => chooseDimmSlot(MACHINE, placed(0, 1, 2, 3)));
  const none = { ...MACHINE, slots: 0 };
  refusal("unsupported", () => chooseDimmSlot(none, []));
});

Deno.test("chooseAddr() takes the lowest part of memory with room", () => {
  const at = (addr: number, spanBytes: number): Placed => ({
    ...{ slot: undefined, addr, spanBytes },
  });
  assertEquals(chooseAddr(MACHINE, [], G), 4 * G);
  const two = [at(6 * G, G), at(4 * G, 128 * M)];
  assertEquals(chooseAddr(MACHINE, two, G), 4 * G + 128 * M);
  assertEquals(chooseAddr(MACHINE, two, 2 * G), 7 * G);
  // What somebody placed askew does not move what comes behind.
  assertEquals(chooseAddr(MACHINE, [at(4 * G, 100 * M)], G), 4 * G + 128 * M);
  // As much as maxmem allows, wherever it would fit.
  assertEquals(chooseAddr(MACHINE, [], 3584 * M), 4 * G);
  const { message } = refusal(
    "no-free-slot",
    () => chooseAddr(MACHINE, [at(4 * G, G)], 2688 * M),
  );
  assertStringIncludes(message, "4G in all, and 2560M of it is free");
  const over = refusal(
    "no-free-slot",
    () => chooseAddr(MACHINE, [at(4 * G, 5 * G)], G),
  );
  assertStringIncludes(over.message, "4G in all, and 0 of it is free");
  // What fits exactly fits.
  const gap = [at(4 * G + 256 * M, G)];
  assertEquals(chooseAddr(MACHINE, gap, 256 * M), 4 * G);
  const small = { ...MACHINE, region: { addr: 4 * G, sizeBytes: G } };
  assertEquals(chooseAddr(small, [], G), 4 * G);
  const cut = [at(5 * G, 128 * M), at(8 * G, 128 * M), at(10 * G, 128 * M)];
  refusal("no-free-slot", () => chooseAddr(MACHINE, cut, 3 * G));
  const none = { ...MACHINE, region: undefined };
  refusal("unsupported", () => chooseAddr(none, [], G));
});

Deno.test("freshId() is the lowest that neither a device nor a backend has", () => {
  assertEquals(freshId("dimm", new Set()), "dimm-0");
  assertEquals(freshId("dimm", new Set(["dimm-0", "mem-dimm-1"])), "dimm-2");
});

const DIMM: NewMemory = {
  ...{ driver: "pc-dimm", id: "dimm-0", memdev: "mem-dimm-0" },
  ...{ addr: 4 * G, spanBytes: G, slot: 0 },
};
const VMEM: NewMemory = {
  ...{ driver: "virtio-mem-pci", id: "vmem-0", memdev: "mem-vmem-0" },
  ...{ addr: 5 * G, spanBytes: G, blockBytes: 2 * M, requestedBytes: 512 * M },
  place: { bus: "pci.0", slot: 9 },
};

Deno.test("memoryWords() are read back by recordedMemory()", () => {
  const words = [DIMM, VMEM].map(memoryWords);
  assertEquals(words, [[
    ...["-object", "memory-backend-ram,id=mem-dimm-0,size=1073741824"],
    "-device",
    "pc-dimm,id=dimm-0,memdev=mem-dimm-0,slot=0,addr=4294967296",
  ], [
    ...[
      "-object",
      "memory-backend-ram,id=mem-vmem-0,size=1073741824,reserve=off",
    ],
    "-device",
    "virtio-mem-pci,id=vmem-0,memdev=mem-vmem-0,memaddr=5368709120,block-size=2097152,requested-size=536870912,bus=pci.0,addr=0x9",
  ]]);
  assertEquals(words.map(isMemoryWords), [true, true]);
  const read = recordedMemory({ kvmCmd: ["kvm", "-S", ...words.flat()] });
  assertEquals(
    read,
    [{
      ...{ kind: "memory", index: 0, memdev: "mem-dimm-0" },
      hvinfo: { driver: "pc-dimm", id: "dimm-0" },
      ...{ addr: 4 * G, spanBytes: G, dimmSlot: 0 },
      ...{ blockBytes: undefined, requestedBytes: undefined },
      words: words[0] ?? [],
    }, {
      ...{ kind: "memory", index: 1, memdev: "mem-vmem-0" },
      hvinfo: { driver: "virtio-mem-pci", id: "vmem-0", bus: "pci.0", slot: 9 },
      ...{ addr: 5 * G, spanBytes: G, dimmSlot: undefined },
      ...{ blockBytes: 2 * M, requestedBytes: 512 * M },
      words: words[1] ?? [],
    }],
  );
});

Deno.test("recordedMemory() reads what others wrote", () => {
  const [one] = recordedMemory({
    kvmCmd: [
      ...["kvm", "--object", "memory-backend-ram,size=2G,id=vmem0-ram", "-S"],
      ...["--device", '{"driver":"virtio-mem-pci","id":"vmem0",'],
      ...["-device", "virtio-mem-pci,id=vmem0,memdev=vmem0-ram"],
    ],
  });
  assertEquals(
    [one?.hvinfo.id, one?.spanBytes, one?.addr, one?.requestedBytes],
    [
      ...["vmem0", 2 * G, undefined, 0],
    ],
  );
  assertEquals(one?.words.length, 4);
});

Deno.test("isMemoryWords() takes a backend and its memory, and no more", () => {
  const [object = "", backend = "", device = "", memory = ""] = memoryWords(
    DIMM,
  );
  for (
    const words of [
      [object, backend],
      [device, memory, object, backend],
      [object, backend, device, memory, "-S"],
      [object, backend, device, memory.replace("mem-dimm-0", "other")],
      [object, backend, device, `${memory},x-y=1`],
      [object, `${backend},mem-path=/etc/passwd`, device, memory],
      [object, backend.replace("-ram", "-file"), device, memory],
      [object, backend, device, memory.replace("pc-dimm", "e1000")],
      [object, backend, device, memory.replace("id=dimm-0", "id=-x")],
      "x",
    ]
  ) assertEquals(isMemoryWords(words), false, `${words}`);
  const dashed = [`-${object}`, backend, `-${device}`, memory];
  assertEquals(isMemoryWords(dashed), true);
});

Deno.test("memoryChanges() grows by one DIMM, and shrinks by the fewest", () => {
  const has = [dimm(0, 256 * M), dimm(1, 128 * M), dimm(2, 128 * M)];
  const changes = (bytes: number) => memoryChanges(MACHINE, has, bytes);
  assertEquals(changes(G), []);
  assertEquals(changes(2 * G), [{ do: "add", sizeBytes: G }]);
  assertEquals(changes(768 * M), [{ do: "remove", id: "dimm-0" }]);
  assertEquals(changes(896 * M), [{ do: "remove", id: "dimm-2" }]);
  assertEquals(
    changes(512 * M).map((one) => one.do === "remove" && one.id),
    ["dimm-2", "dimm-1", "dimm-0"],
  );
  const hint = (bytes: number, devices = has) =>
    refusal("refused", () => memoryChanges(MACHINE, devices, bytes)).hint;
  assertEquals(hint(G + 100 * M), "the nearest possible: 1G and 1152M");
  assertEquals(hint(G + 200 * M), "the nearest possible: 1152M and 1280M");
  assertEquals(hint(700 * M), "the nearest possible: 640M and 768M");
  assertEquals(hint(256 * M), "the nearest possible: 512M");
  const most = { ...MACHINE, maxBytes: 1280 * M };
  const above = () => memoryChanges(most, has, 1281 * M);
  assertEquals(refusal("refused", above).hint, "the nearest possible: 1280M");
  assertEquals(
    hint(640 * M, [dimm(0, 256 * M)]),
    "the nearest possible: 512M and 768M",
  );
  // One that was given no id cannot be removed.
  const fixed = { ...dimm(0, 256 * M), id: undefined };
  assertEquals(hint(512 * M, [fixed]), "the nearest possible: 768M");
});

Deno.test("memoryChanges() asks the virtio-mem device, if there is one", () => {
  const vmem: LiveMemory = {
    ...{ id: "vmem0", memdev: "m", driver: "virtio-mem-pci", addr: 5 * G },
    ...{ spanBytes: G, pluggedBytes: 128 * M, requestedBytes: 256 * M },
    ...{ slot: undefined, blockBytes: 2 * M },
  };
  const has = [dimm(0, 256 * M), vmem];
  const changes = (bytes: number) => memoryChanges(MACHINE, has, bytes);
  const resize = { do: "resize", id: "vmem0" } as const;
  // The guest has not followed yet.
  assertEquals(changes(G), [{ ...resize, requestedBytes: 256 * M }]);
  const done = [has[0] ?? vmem, { ...vmem, pluggedBytes: 256 * M }];
  assertEquals(memoryChanges(MACHINE, done, G), []);
  assertEquals(changes(1026 * M), [{ ...resize, requestedBytes: 258 * M }]);
  assertEquals(changes(768 * M), [{ ...resize, requestedBytes: 0 }]);
  const hint = (bytes: number) => refusal("refused", () => changes(bytes)).hint;
  assertEquals(hint(1025 * M), "the nearest possible: 1G and 1026M");
  assertEquals(hint(4 * G), "the nearest possible: 1792M");
  assertEquals(hint(512 * M), "the nearest possible: 768M");
});
