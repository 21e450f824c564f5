import { assertEquals } from "@std/assert";
import { memoryDifferences } from "../../lib/memory/compare.ts";
import { memoryOf } from "../../lib/memory/live.ts";
import { memoryMend } from "../../lib/memory/mend.ts";
import { MEMORY } from "../../lib/memory/name.ts";
import { memoryWords } from "../../lib/memory/recorded.ts";
import { memoryView } from "../../lib/memory/view.ts";
import { present } from "../support/facts.ts";
import {
  type Case,
  DIMM,
  G,
  given,
  M,
  steps,
  VMEM,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function told(one: Case): string[] {
  return memoryDifferences(given(one)).map(({ message }) => message);
}

Deno.test("memoryDifferences() names each member of a place that differs", () => {
  const dimm = { ...DIMM, spanBytes: G, slot: 3, addr: 5 * G };
  const say = (title: string, name: string, was: number, now: number) =>
    `${title} is recorded with ${name} ${was}, but QEMU has ${now}`;
  assertEquals(told({ ...WITH_DIMM, recorded: memoryWords(dimm) }), [
    say("memory 0 (dimm-0)", "size", G, 256 * M),
    say("memory 0 (dimm-0)", "address", 5 * G, 4 * G),
    say("memory 0 (dimm-0)", "slot", 3, 0),
  ]);
  const vmem = { ...VMEM, blockBytes: 4 * M };
  assertEquals(told({ ...WITH_VMEM, recorded: memoryWords(vmem) }), [
    say("memory 0 (vmem0)", "block-size", 4 * M, 2 * M),
  ]);
});

Deno.test("memoryDifferences() tells another driver, slot or requested size", () => {
  const codes = (one: Case) =>
    memoryDifferences(given(one)).map(({ code }) => code);
  const elsewhere = memoryWords({
    ...VMEM,
    place: { bus: "pci.0", slot: 10 },
  });
  assertEquals(codes({ ...WITH_VMEM, recorded: elsewhere }), ["place"]);
  // Memory of the other kind has no requested size to compare.
  const words = memoryWords({ ...VMEM, id: "dimm-0", memdev: "mem-dimm-0" });
  const other = codes({ ...WITH_DIMM, recorded: words });
  assertEquals(other.includes("driver"), true);
  assertEquals(other.includes("memory-size"), false);
  assertEquals(codes({ recorded: memoryWords(VMEM) }), ["not-in-qemu"]);
  const more = memoryWords({ ...VMEM, requestedBytes: 512 * M });
  const [size] = memoryDifferences(given({ ...WITH_VMEM, recorded: more }));
  assertEquals(size, {
    code: "memory-size",
    device: { kind: "memory", index: 0, id: "vmem0", uuid: null },
    message: "memory 0 (vmem0) is recorded with 512M, but QEMU has 256M",
    hint: "kvm-hotplug repair vm1",
    mend: { word: "size", did: "recorded the size that QEMU has" },
    view: {},
  });
});

Deno.test("memoryDifferences() tells of a note of what is nowhere", () => {
  const noted = { "dimm-5": { kind: "memory", words: memoryWords(DIMM) } };
  const [found] = memoryDifferences(given({ noted }));
  assertEquals(found?.code, "own-record");
  const plan = memoryMend(given({ noted }), present(found));
  assertEquals(plan?.steps.map(({ kind }) => kind), ["own-record"]);
});

Deno.test("memoryMend() frees the named backend, if no memory uses it yet", () => {
  const backends = ["mem-dimm-3", "mem-dimm-4"];
  const [first, second] = memoryDifferences(given({ backends }));
  const found = present(second);
  assertEquals([first?.mend?.subject, found.mend?.subject], backends);
  const plan = present(memoryMend(given({ backends }), found));
  assertEquals([plan.title, plan.device?.id], [
    ...["memory mem-dimm-4", "mem-dimm-4"],
  ]);
  assertEquals(steps(plan).map((one) => one.arguments), [{ id: "mem-dimm-4" }]);
  assertEquals(memoryMend(given(), found), undefined);
});

Deno.test("memoryMend() plans nothing for what is not there", () => {
  const more = memoryWords({ ...VMEM, requestedBytes: 512 * M });
  const one = { ...WITH_VMEM, recorded: more };
  const [found] = memoryDifferences(given(one));
  const size = present(found);
  assertEquals(memoryMend(given(one), size)?.title, "the size of vmem0");
  assertEquals(memoryMend(given({ recorded: more }), size), undefined);
  assertEquals(memoryMend(given({ live: one.live }), size), undefined);
  assertEquals(memoryMend(given(one), { ...size, device: null }), undefined);
});

Deno.test("MEMORY.strays() tells how each came, and where it sits", () => {
  const { qemu } = given({ live: [...WITH_DIMM.live, VMEM_DATA] });
  const argv = ["/usr/bin/kvm", ...memoryWords(VMEM)];
  const one = { ...qemu, process: { pid: 1, argv } };
  const kind = { kind: "memory", has: "device" };
  const [pci] = qemu.pci.filter(({ id }) => id === "vmem0");
  assertEquals(MEMORY.strays(one, new Set()), [
    { id: "dimm-0", ...kind, origin: "plugged" },
    { id: "vmem0", ...kind, origin: "started", pci },
  ]);
  assertEquals(MEMORY.strays({ ...one, process: undefined }, new Set()), [
    { id: "dimm-0", ...kind, origin: "plugged" },
    { id: "vmem0", ...kind, origin: "plugged", pci },
  ]);
  // Memory without an id cannot be named.
  const { id: _, ...nameless } = VMEM_DATA.data;
  const live = [{ ...VMEM_DATA, data: nameless }];
  assertEquals(MEMORY.strays(given({ live }).qemu, new Set()), []);
});

Deno.test("MEMORY.ending() asks often, and hears the guest by ACPI", () => {
  const { advice: _, ...ending } = MEMORY.ending();
  assertEquals(ending, { everyMs: 100, acpi: { slotType: "DIMM" } });
});

Deno.test("memoryOf() has a region only if QEMU tells all of it", () => {
  const region = (more: object) =>
    memoryOf({ more: { machineMemory: { size: G }, ...more } }).machine
      ?.region;
  assertEquals(region({ memoryAddr: 4 * G, memorySize: 1 }), {
    ...{ addr: 4 * G, sizeBytes: 1 },
  });
  assertEquals(region({ memoryAddr: 0, memorySize: G }), {
    ...{ addr: 0, sizeBytes: G },
  });
  for (
    const more of [
      { memoryAddr: 4 * G, memorySize: 0 },
      { memoryAddr: 4 * G },
      { memorySize: G },
      { memoryAddr: "1", memorySize: G },
    ]
  ) assertEquals(region(more), undefined, JSON.stringify(more));
  assertEquals(memoryOf({ more: {} }), {
    ...{ machine: undefined, devices: [], objects: new Map() },
    backends: new Set(),
  });
});

Deno.test("memoryView() tells what file and QEMU have of it", () => {
  const sizes = ({ recorded: [one], qemu }: ReturnType<typeof given>) =>
    [{ qemu }, { qemu: undefined }].map((facts) => {
      const view = memoryView(present(one), facts);
      return [view.size_bytes, view.requested_bytes, view.plugged_bytes];
    });
  assertEquals(sizes(given(WITH_DIMM)), [
    [256 * M, 256 * M, 256 * M],
    [256 * M, 256 * M, null],
  ]);
  const half = { ...VMEM_DATA.data, size: 128 * M };
  const vmem = { ...WITH_VMEM, live: [{ ...VMEM_DATA, data: half }] };
  assertEquals(sizes(given(vmem)), [
    [G, 256 * M, 128 * M],
    [G, 256 * M, null],
  ]);
});
