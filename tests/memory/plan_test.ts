import { assertEquals, assertMatch } from "@std/assert";
import type { Plan } from "../../lib/engine/plan.ts";
import { planMemoryAdd } from "../../lib/memory/add.ts";
import { memoryDifferences } from "../../lib/memory/compare.ts";
import { availableIn } from "../../lib/memory/host.ts";
import { memoryMend } from "../../lib/memory/mend.ts";
import { MEMORY } from "../../lib/memory/name.ts";
import { memoryWords, resizedWords } from "../../lib/memory/recorded.ts";
import { planMemoryRemove } from "../../lib/memory/remove.ts";
import type { MemoryAdd } from "../../lib/memory/request.ts";
import { planMemoryAwait, planMemoryResize } from "../../lib/memory/resize.ts";
import { memoryRules } from "../../lib/memory/rules.ts";
import { planMemorySet } from "../../lib/memory/set.ts";
import { memoryTotals } from "../../lib/memory/view.ts";
import type { Json } from "../../lib/qmp/message.ts";
import { refusal } from "../support/facts.ts";
import {
  type Case,
  DIMM,
  DIMM_DATA,
  G,
  given,
  M,
  steps,
  VMEM,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function add(more: Partial<MemoryAdd>, one: Case = {}) {
  const request = { kind: "memory-add", instance: "vm1", sizeBytes: 256 * M };
  return planMemoryAdd({ ...request, ...more } as MemoryAdd, given(one));
}

function set(sizeBytes: number, one: Case = {}): [string, number][] {
  const request = { kind: "memory-set", instance: "vm1", sizeBytes } as const;
  return planMemorySet(request, given(one)).parts
    .map(({ request, reached }) => [request.kind, reached / M]);
}

function remove(device: string, one: Case, forced = false): Plan {
  return planMemoryRemove({
    ...{ kind: "memory-remove", instance: "vm1", device },
    ...(forced && { unrecorded: "forced" }),
  }, given(one));
}

Deno.test("planMemoryAdd() adds a DIMM in the lowest slot, backend first", () => {
  const plan = steps(add({}, WITH_DIMM));
  assertEquals(plan.map(({ kind, execute = "" }) => `${kind} ${execute}`), [
    ...["stage-state ", "qmp object-add", "qmp device_add", "own-record "],
    "commit-state ",
  ]);
  const [, backend, device] = plan;
  assertEquals(backend?.arguments, {
    ...{ "qom-type": "memory-backend-ram", id: "mem-dimm-1", size: 256 * M },
  });
  assertEquals(backend?.undo, {
    ...{ execute: "object-del", arguments: { id: "mem-dimm-1" } },
  });
  assertEquals(device?.arguments, {
    ...{ driver: "pc-dimm", id: "dimm-1", memdev: "mem-dimm-1" },
    ...{ slot: 1, addr: 4 * G + 256 * M },
  });
});

Deno.test("planMemoryAdd() refuses what cannot be", () => {
  const codeOf = (
    code: Parameters<typeof refusal>[0],
    one: Case,
    more: Partial<MemoryAdd> = {},
  ) => refusal(code, () => add(more, one)).message;
  codeOf("refused", {}, { sizeBytes: 100 * M });
  codeOf("no-free-slot", {}, { sizeBytes: 4 * G });
  codeOf("unsupported", { memory: { size: 512 * M } });
  codeOf("no-free-slot", {
    ...WITH_DIMM,
    memory: { size: 512 * M, slots: 1, "max-size": 4 * G },
  });
  assertMatch(codeOf("unsupported", { qemu: { acpi: "off" } }), /ACPI/);
  codeOf("unsupported", { qemu: { machine: "virt-7.2" } });
  codeOf("migrating", { qemu: { migration: "active" } });
  codeOf("refused", { qemu: { runState: "guest-panicked" } });
  codeOf("unsupported", { qemu: { commands: new Set() } });
  codeOf("unsupported", { qemu: { more: {} } });
  for (
    const argv of [
      ["-numa", "node"],
      ["-mem-path", "/dev/hugepages"],
      [
        "-machine",
        "pc,memory-backend=m",
        "-object",
        "memory-backend-file,id=m",
      ],
      ["-M", "pc,memory-backend=m"],
    ]
  ) codeOf("unsupported", { argv });
  const plain = "memory-backend-ram,id=m,size=512M";
  add({}, { argv: ["-M", "pc,memory-backend=m", "-object", plain] });
});

Deno.test("planMemoryAdd() adds a virtio-mem device below the reservations", () => {
  const plan = add({ way: "virtio-mem", maxBytes: G });
  const device = steps(plan).find(({ execute }) => execute === "device_add");
  assertEquals(device?.arguments, {
    ...{ driver: "virtio-mem-pci", id: "vmem-0", memdev: "mem-vmem-0" },
    ...{ memaddr: 4 * G, "block-size": 2 * M, "requested-size": 256 * M },
    ...{ bus: "pci.0", addr: "0xb" },
  });
  assertEquals(
    steps(plan).map(({ kind }) => kind).includes("await-memory"),
    true,
  );
  const all = steps(add({ way: "virtio-mem" }))
    .find(({ execute }) => execute === "object-add")?.arguments as Json;
  assertEquals([all.size, all.reserve], [3584 * M, false]);
  const odd = { way: "virtio-mem", maxBytes: 100 * M } as const;
  refusal("refused", () => add(odd));
  refusal("refused", () => add({ way: "virtio-mem", sizeBytes: M }));
});

Deno.test("planMemoryAdd() gives more of a virtio-mem device that is there", () => {
  const plan = steps(add({}, WITH_VMEM));
  const [, change] = plan;
  assertEquals([change?.execute, change?.arguments, change?.undo], [
    "qom-set",
    {
      ...{ path: "/machine/peripheral/vmem0", property: "requested-size" },
      value: 512 * M,
    },
    {
      execute: "qom-set",
      arguments: {
        ...{ path: "/machine/peripheral/vmem0", property: "requested-size" },
        value: 256 * M,
      },
    },
  ]);
  const dimm = steps(add({ way: "dimm" }, WITH_VMEM));
  assertEquals(dimm.some(({ execute }) => execute === "object-add"), true);
  refusal(
    "refused",
    () => add({ way: "virtio-mem", maxBytes: 2 * G }, WITH_VMEM),
  );
  refusal("refused", () => add({ sizeBytes: 2 * G }, WITH_VMEM));
});

Deno.test("a node short of memory is a warning", () => {
  const request = { kind: "memory-add", instance: "vm1", sizeBytes: 256 * M };
  const warned = (availableBytes: number) => {
    const one = { ...given(), availableBytes };
    const plan = planMemoryAdd(request as MemoryAdd, one);
    return "parts" in plan ? [] : plan.warnings.map(({ code }) => code);
  };
  assertEquals([warned(G), warned(M)], [[], ["host-short-of-memory"]]);
  assertEquals(availableIn("MemFree: 1 kB\nMemAvailable:    2 kB\n"), 2048);
  assertEquals(availableIn(""), undefined);
});

Deno.test("planMemorySet() makes whole operations", () => {
  assertEquals(set(G), [["memory-add", 1024]]);
  assertEquals(set(512 * M, WITH_DIMM), [["memory-remove", 512]]);
  assertEquals(set(768 * M, WITH_DIMM), []);
  assertEquals(set(G, WITH_VMEM), [["memory-resize", 1024]]);
  // A guest that is to give memory back is waited for.
  assertEquals(set(640 * M, WITH_VMEM), [
    ...[["memory-resize", 768], ["memory-await", 640]] as [string, number][],
  ]);
  // A guest that has not followed is waited for again.
  const late = { ...VMEM_DATA, data: { ...VMEM_DATA.data, size: 128 * M } };
  assertEquals(set(768 * M, { ...WITH_VMEM, live: [late] }), [
    ["memory-await", 768],
  ]);
  const pending = {
    id: "dimm-0",
    requestedAt: "2026-01-01T00:00:00Z",
    title: "memory 0",
  };
  const noted = { "dimm-0": { kind: "memory", pending } };
  refusal("refused", () => set(G, { ...WITH_DIMM, noted }));
  assertEquals(set(512 * M, { ...WITH_DIMM, noted }).length, 1);
});

Deno.test("planMemoryResize() records the size, and no other word", () => {
  const about = { instance: "vm1", device: "vmem0" };
  const plan = (requestedBytes: number, one: Case) =>
    planMemoryResize(
      { kind: "memory-resize", ...about, requestedBytes },
      given(one),
    );
  const [stage] = steps(plan(128 * M, WITH_VMEM));
  const { words } = stage?.change as {
    words: { take: string[]; put: string[] };
  };
  assertEquals(
    words.put.map((one) => one.replace(String(128 * M), String(256 * M))),
    words.take,
  );
  // What Ganeti has recorded in its own way stays as it is there.
  const later = [[], { vmem0: "vmem0" }];
  const foreign = steps(plan(128 * M, { live: [VMEM_DATA], later }));
  assertEquals(foreign.map(({ kind }) => kind), ["qmp"]);
  refusal("refused", () => plan(128 * M, { live: [VMEM_DATA] }));
  refusal("no-such-device", () => plan(128 * M, {}));
  const sizes = { fromBytes: 256 * M, requestedBytes: 128 * M };
  const wait = planMemoryAwait(
    { kind: "memory-await", ...about, ...sizes },
    given(WITH_VMEM),
  );
  const [step, ...more] = steps(wait);
  assertEquals([step?.kind, step?.from, step?.to, more], [
    ...["await-memory", 256 * M, 128 * M, []],
  ]);
});

Deno.test("resizedWords() keeps every other byte", () => {
  const resized = (value: string) =>
    resizedWords({ words: ["-object", "o", "--device", value] }, 7).at(-1);
  assertEquals(
    resized("virtio-mem-pci,requested-size=1G,id=a"),
    [
      "virtio-mem-pci,requested-size=7,id=a",
    ][0],
  );
  assertEquals(
    resized("virtio-mem-pci,id=a"),
    [
      "virtio-mem-pci,id=a,requested-size=7",
    ][0],
  );
  assertEquals(
    resized('{"driver":"virtio-mem-pci","id":"a"}'),
    '{"driver":"virtio-mem-pci","id":"a","requested-size":7}',
  );
});

Deno.test("planMemoryRemove() takes the memory, its backend and its words", () => {
  const plan = steps(remove("dimm-0", WITH_DIMM));
  assertEquals(plan.map(({ kind }) => kind), [
    ...["stage-state", "unplug", "qmp", "commit-state"],
  ]);
  assertEquals((plan[1]?.ending as Json).acpi, { slotType: "DIMM" });
  assertEquals(plan[2]?.arguments, { id: "mem-dimm-0" });
  // It came true meanwhile: what is left goes, and nothing is asked.
  const released = {
    recorded: memoryWords(DIMM),
    backends: ["mem-dimm-0"],
  };
  assertEquals(steps(remove("0", released)).map(({ kind }) => kind), [
    ...["stage-state", "qmp", "commit-state"],
  ]);
  assertEquals(remove("dimm-3", WITH_DIMM).steps, []);
  refusal("refused", () => remove("dimm-0", { live: [DIMM_DATA] }));
  const stray = steps(remove("dimm-0", { live: [DIMM_DATA] }, true));
  assertEquals(stray.map(({ kind }) => kind), ["unplug", "qmp"]);
  refusal("no-such-device", () => remove("x", WITH_DIMM));
  const huge = memoryWords(DIMM).map((one) =>
    one.replace("memory-backend-ram", "memory-backend-file,mem-path=/h")
  );
  refusal(
    "unsupported",
    () => remove("dimm-0", { ...WITH_DIMM, recorded: huge }),
  );
});

Deno.test("planMemoryRemove() says beforehand which virtio-mem device stays", () => {
  const at = (major: number, minor: number) => ({
    ...WITH_VMEM,
    qemu: { version: { major, minor, micro: 0, package: "" } },
  });
  refusal("unsupported", () => remove("vmem0", at(7, 2)));
  refusal("unsupported", () => remove("vmem0", at(8, 1)));
  const { hint } = refusal("refused", () => remove("vmem0", at(10, 0)));
  assertMatch(hint ?? "", /memory set vm1 512M/);
  const data = { ...VMEM_DATA.data, size: 0, "requested-size": 0 };
  const empty = { ...at(10, 0), live: [{ ...VMEM_DATA, data }] };
  assertEquals(steps(remove("vmem0", empty))[1]?.kind, "unplug");
  refusal(
    "refused",
    () => remove("vmem0", { ...at(10, 0), recorded: [] }, true),
  );
});

Deno.test("memoryDifferences() finds what does not agree, and mends ours", () => {
  const codes = (one: Case) =>
    memoryDifferences(given(one)).map(({ code, mend }) => [code, mend?.word]);
  assertEquals(codes(WITH_DIMM), []);
  assertEquals(codes(WITH_VMEM), []);
  const words = memoryWords(DIMM);
  assertEquals(codes({ recorded: words }), [["not-in-qemu", undefined]]);
  const noted = { "dimm-0": { kind: "memory", words } };
  assertEquals(codes({ recorded: words, noted }), [["not-in-qemu", "remove"]]);
  const pending = { id: "dimm-0", title: "dimm-0", requestedAt: "2026-01-02" };
  const asked = { "dimm-0": { kind: "memory", pending } };
  const [late] = memoryDifferences(given({ recorded: words, noted: asked }));
  assertEquals(
    [late?.hint, late?.mend],
    [
      "to finish the removal, run: kvm-hotplug repair vm1",
      { word: "remove", did: "its removal is finished" },
    ],
  );
  assertEquals(codes({ backends: ["mem-dimm-4", "mem-x", "io"] }), [
    ["orphan-memory", "orphan-memory"],
  ]);
  const elsewhere = memoryWords({ ...DIMM, slot: 2, addr: 6 * G });
  assertEquals(codes({ ...WITH_DIMM, recorded: elsewhere }), [
    ...[["memory-place", undefined], ["memory-place", undefined]],
  ]);
  const other = memoryWords({ ...VMEM, requestedBytes: 512 * M });
  const one = { ...WITH_VMEM, recorded: other };
  assertEquals(codes(one), [["memory-size", "size"]]);
  const mended = (one: Case) => {
    const all = given(one);
    return memoryDifferences(all).flatMap((found) => {
      const plan = memoryMend(all, found);
      return plan === undefined ? [] : [steps(plan).map(({ kind }) => kind)];
    });
  };
  assertEquals(mended(one), [["stage-state", "own-record", "commit-state"]]);
  assertEquals(mended({ backends: ["mem-dimm-4"] }), [["qmp"]]);
  assertEquals(mended({ recorded: words, noted }), [
    ["stage-state", "own-record", "commit-state"],
  ]);
});

Deno.test("memoryRules() propose room, with slots", () => {
  const rules = memoryRules(given({ memory: { size: 512 * M } }));
  assertEquals(rules.map(({ name, start = [] }) => [name, start[0]?.value]), [
    ...[["memory-machine-type", undefined], ["memory-acpi", undefined]],
    ...[["memory-form", undefined]],
    ...[["memory-slots", "slots=8"], ["maxmem", "maxmem=16G"]],
  ]);
  const states = memoryRules(given(WITH_DIMM)).map(({ state }) => state());
  assertEquals(states.slice(-2), ["1 of 4 are taken", "4G, 3328M is free"]);
});

Deno.test("MEMORY.strays() and memoryTotals() tell of what QEMU has", () => {
  const { qemu, content } = given({ ...WITH_DIMM, backends: ["mem-vmem-3"] });
  const strays = (known: string[]) =>
    MEMORY.strays(qemu, new Set(known)).map(({ id, has, origin }) =>
      [id, has, origin].join(" ")
    );
  assertEquals(strays([]), [
    ...["dimm-0 device plugged", "mem-vmem-3 backend plugged"],
  ]);
  assertEquals(strays(["dimm-0", "vmem-3"]), []);
  const total = memoryTotals(content.runtime, qemu);
  assertEquals(total, { memory_bytes: 768 * M });
  assertEquals(memoryTotals(content.runtime, undefined).memory_bytes, null);
});
