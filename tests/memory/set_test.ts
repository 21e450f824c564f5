import { assertEquals, assertMatch } from "@std/assert";
import { MEMORY_CHANGES } from "../../lib/memory/changes.ts";
import { MEMORY_KIND } from "../../lib/memory/kind.ts";
import { MEMORY } from "../../lib/memory/name.ts";
import { memoryWords } from "../../lib/memory/recorded.ts";
import { planMemoryRemove } from "../../lib/memory/remove.ts";
import type { MemoryRequest } from "../../lib/memory/request.ts";
import { memoryRules } from "../../lib/memory/rules.ts";
import { planMemorySet } from "../../lib/memory/set.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import { refusal } from "../support/facts.ts";
import {
  type Case,
  DIMM,
  DIMM_DATA,
  G,
  given,
  M,
  VMEM,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function set(sizeBytes: number, one: Case = {}) {
  const request = { kind: "memory-set", instance: "vm1", sizeBytes } as const;
  return planMemorySet(request, given(one));
}

const TWO = {
  live: [DIMM_DATA, {
    type: "dimm",
    data: {
      ...{ id: "dimm-1", memdev: "/objects/mem-dimm-1", slot: 1 },
      ...{ addr: 5 * G, size: 128 * M },
    },
  }],
  recorded: [
    ...memoryWords(DIMM),
    ...memoryWords({
      ...{ driver: "pc-dimm", id: "dimm-1", memdev: "mem-dimm-1", slot: 1 },
      ...{ addr: 5 * G, spanBytes: 128 * M },
    }),
  ],
};

Deno.test("planMemorySet() tells what each operation reaches", async () => {
  const { say, parts, count, ...rest } = set(512 * M, TWO);
  const executeAll = () => Promise.resolve([[DIMM_DATA]]);
  const qmp = { executeAll } as unknown as QmpSession;
  assertEquals(await count?.(qmp), 768 * M);
  assertEquals(rest, { action: "set", before: 896 * M });
  assertEquals(say(G), "1G of memory");
  const remove = { kind: "memory-remove", instance: "vm1" } as const;
  assertEquals(parts, [
    { request: { ...remove, device: "dimm-1" }, reached: 768 * M },
    { request: { ...remove, device: "dimm-0" }, reached: 512 * M },
  ]);
  assertEquals(set(G, TWO).parts, [{
    request: {
      ...{ kind: "memory-add", instance: "vm1", sizeBytes: 128 * M },
      way: "dimm",
    },
    reached: G,
  }]);
});

Deno.test("planMemorySet() says what a start needs for more memory", () => {
  // No size next to it would do.
  refusal("unsupported", () => set(200 * G + M));
  const { message, hint } = refusal("unsupported", () => set(200 * G));
  assertMatch(
    message,
    /^Cannot set 200G of memory: the VM can have at most \d+G \(maxmem\); it has 512M$/,
  );
  assertEquals(
    hint,
    "for the next start, add to hvparam kvm_extra: --m maxmem=200G",
  );
});

Deno.test("planMemorySet() needs of the VM what its operations need", () => {
  const off = { qemu: { acpi: "off" as const } };
  refusal("unsupported", () => set(G, off));
  refusal("unsupported", () => set(512 * M, { ...WITH_DIMM, ...off }));
  // Nothing is to be done: nothing is needed.
  assertEquals(set(512 * M, off).parts, []);
  assertEquals(set(768 * M, { ...WITH_DIMM, ...off }).parts, []);
  // A virtio-mem device grows without ACPI.
  assertEquals(set(G, { ...WITH_VMEM, ...off }).parts.length, 1);
  refusal("migrating", () => set(512 * M, { qemu: { migration: "active" } }));
  const argv = ["/usr/bin/kvm", "-numa", "node"];
  refusal("unsupported", () => set(G, { argv }));
  refusal("unsupported", () => set(G + M, { argv }));
  assertEquals(set(512 * M, { ...WITH_DIMM, argv }).parts.length, 1);
});

Deno.test("MEMORY.needs: each command that is lacking is named", () => {
  const about = { instance: "vm1" };
  const bytes = { requestedBytes: 128 * M, device: "vmem0" };
  const requests: MemoryRequest[] = [
    { kind: "memory-add", ...about, sizeBytes: 128 * M, way: "dimm" },
    { kind: "memory-set", ...about, sizeBytes: 128 * M },
    { kind: "memory-remove", ...about, device: "vmem0" },
    { kind: "memory-resize", ...about, ...bytes },
    { kind: "memory-await", ...about, ...bytes, fromBytes: 0 },
  ];
  const pairs = Object.values(MEMORY.needs).map((needs) => needs.join(" "));
  const add =
    "query-memory-devices object-add object-del device_add device_del";
  assertEquals(pairs, [
    ...[add, "query-memory-devices device_del object-del", add],
    ...["query-memory-devices qom-set", "query-memory-devices"],
  ]);
  for (const request of requests) {
    for (const lacking of MEMORY.needs[request.kind]) {
      const commands = new Set(Object.values(MEMORY.needs).flat());
      commands.delete(lacking);
      const one = given({ ...WITH_VMEM, qemu: { commands } });
      const planner = MEMORY_CHANGES.prepare(request, one, {} as never);
      if (planner instanceof Promise) throw new TypeError("later");
      const { message } = refusal("unsupported", () => planner(one));
      assertEquals(message, `This QEMU's monitor lacks ${lacking}`);
    }
  }
});

Deno.test("MEMORY_CHANGES.prepare() plans each request", async () => {
  const about = { instance: "vm1" };
  const bytes = { requestedBytes: 128 * M, device: "vmem0" };
  const one = given({ ...WITH_VMEM, ...TWO, live: [...TWO.live, VMEM_DATA] });
  const known = { ...one, content: given(WITH_VMEM).content };
  const action = async (request: MemoryRequest) => {
    const planner = await MEMORY_CHANGES.prepare(request, known, {} as never);
    return (await planner(known)).action;
  };
  assertEquals(
    [
      await action({ kind: "memory-add", ...about, sizeBytes: 128 * M }),
      await action({ kind: "memory-set", ...about, sizeBytes: G }),
      await action({ kind: "memory-resize", ...about, ...bytes }),
      await action({ kind: "memory-await", ...about, ...bytes, fromBytes: 0 }),
    ].join(),
    "resize,set,resize,set",
  );
  const finish = MEMORY_CHANGES.finish("vm1", "dimm-0");
  assertEquals(finish, {
    ...{ kind: "memory-remove", instance: "vm1", device: "dimm-0" },
  });
  assertEquals(
    planMemoryRemove(finish as never, given(WITH_DIMM)).action,
    [
      "remove",
    ][0],
  );
});

Deno.test("a plan may hold these commands for memory, and no others", async () => {
  const { commands } = MEMORY_CHANGES;
  const dimm = {
    ...{ driver: "pc-dimm", id: "dimm-0", memdev: "mem-dimm-0" },
    ...{ slot: 0, addr: 0 },
  };
  const takesDevice = (one: object) => commands?.device_add?.takes({ ...one });
  assertEquals(takesDevice(dimm), true);
  assertEquals(takesDevice({ ...dimm, slot: 255 }), true);
  assertEquals(takesDevice({ ...dimm, slot: 256 }), false);
  assertEquals(takesDevice({ ...dimm, addr: -1 }), false);
  assertEquals(takesDevice({ ...dimm, node: 1 }), false);
  const sets = commands?.["qom-set"];
  const about = {
    path: "/machine/peripheral/vmem0",
    property: "requested-size",
    value: 0,
  };
  assertEquals(sets?.takes(about), true);
  assertEquals(sets?.takes({ ...about, path: "/machine" }), false);
  assertEquals(sets?.takes({ ...about, property: "x" }), false);
  const asked: unknown[] = [];
  const qmp = {
    executeAll: (all: readonly { args: unknown }[]) => {
      asked.push(...all.map(({ args }) => args));
      return Promise.resolve([7]);
    },
  } as unknown as QmpSession;
  assertEquals(await sets?.effect?.({ ...about, value: 7 }, qmp), true);
  assertEquals(await sets?.effect?.({ ...about, value: 8 }, qmp), false);
  const { path, property } = about;
  assertEquals(asked, [{ path, property }, { path, property }]);
});

Deno.test("memoryRules() propose at least 16G, and twice what there is", () => {
  const most = (baseBytes: number, maxBytes: number) =>
    memoryRules(given({ memory: { size: baseBytes, "max-size": maxBytes } }))
      .flatMap(({ start = [] }) => start)
      .map(({ value }) => value).at(-1);
  assertEquals(most(G, G), "maxmem=16G");
  assertEquals(most(5 * G, 5 * G), "maxmem=20G");
  assertEquals(most(5 * G, 12 * G), "maxmem=24G");
  assertEquals(most(5 * G, 12 * G + 1), "maxmem=25G");
  const full = { size: G, slots: 1, "max-size": G };
  const [slots, room] = memoryRules(given({ memory: full })).slice(-2);
  assertEquals([slots?.state(), room?.state()], [
    ...["0 of 1 are taken", "1G, 0 is free"],
  ]);
  assertEquals([slots, room].map((one) => one?.at), [
    ...["before-place", "before-place"],
  ]);
});

Deno.test("MEMORY_KIND takes a note of words, and tells its rules", async () => {
  const note = { kind: "memory", words: memoryWords(VMEM) };
  assertEquals(MEMORY_KIND.record(note), true);
  assertEquals(MEMORY_KIND.record({ ...note, kind: "vcpu" }), false);
  const rules = await MEMORY_KIND.requirements(given());
  assertEquals(rules.map(({ name }) => name).at(-1), "maxmem");
});
