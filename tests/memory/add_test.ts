import { assertEquals, assertMatch } from "@std/assert";
import { hostRemark, planMemoryAdd } from "../../lib/memory/add.ts";
import { availableBytes } from "../../lib/memory/host.ts";
import { memoryWords } from "../../lib/memory/recorded.ts";
import type { MemoryAdd } from "../../lib/memory/request.ts";
import type { Json } from "../../lib/qmp/message.ts";
import { pciDevice, present, refusal } from "../support/facts.ts";
import {
  type Case,
  DIMM,
  G,
  given,
  M,
  steps,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function plan(more: Partial<MemoryAdd>, one: Case = {}, availableBytes = G) {
  const request = { kind: "memory-add", instance: "vm1", sizeBytes: 256 * M };
  const made = planMemoryAdd(
    { ...request, ...more } as MemoryAdd,
    { ...given(one), availableBytes },
  );
  if ("parts" in made) throw new TypeError("a row");
  return made;
}

/** The arguments of a command in a plan. */
function args(one: ReturnType<typeof plan>, name: string): Json {
  const step = steps(one).find(({ execute }) => execute === name);
  return present(step?.arguments as Json | undefined);
}

const VIRTIO_MEM = { way: "virtio-mem", maxBytes: G } as const;

Deno.test("planMemoryAdd() gives no id that anything has", () => {
  const id = (one: Case) => args(plan({}, one), "device_add").id;
  assertEquals(id({}), "dimm-0");
  assertEquals(id({ qemu: { deviceIds: new Set(["dimm-0"]) } }), "dimm-1");
  assertEquals(id({ backends: ["mem-dimm-0"] }), "dimm-1");
  assertEquals(id({ recorded: memoryWords(DIMM) }), "dimm-1");
  const other = memoryWords({ ...DIMM, id: "mine" });
  assertEquals(id({ recorded: other }), "dimm-1");
  const ours = memoryWords({ ...DIMM, memdev: "other" });
  assertEquals(id({ recorded: ours }), "dimm-1");
  // A block node, say, of that name.
  refusal(
    "duplicate",
    () => plan({}, { qemu: { nodeNames: new Set(["dimm-0"]) } }),
  );
});

Deno.test("planMemoryAdd() tells of a new DIMM", () => {
  const { action, title, kinds, device, warnings, done = [] } = plan(
    {},
    WITH_DIMM,
  );
  assertEquals([action, title, kinds], ["add", "memory 1", ["memory"]]);
  const one = present(device ?? undefined);
  assertEquals([one.kind, one.index, one.id, one.driver], [
    ...["memory", 1, "dimm-1", "pc-dimm"],
  ]);
  assertEquals(
    [one.size_bytes, one.requested_bytes, one.plugged_bytes],
    [256 * M, 256 * M, 256 * M],
  );
  assertEquals([warnings, done.map(({ code }) => code)], [
    ...[[], ["guest-brings-online"]],
  ]);
  assertMatch(done[0]?.hint ?? "", /echo online_movable > /);
});

Deno.test("planMemoryAdd() tells of a new virtio-mem device", () => {
  const made = plan(VIRTIO_MEM);
  const one = present(made.device ?? undefined);
  assertEquals([one.bus, one.slot], ["pci.0", 11]);
  // How much of it the guest takes shows later.
  assertEquals(
    [one.size_bytes, one.requested_bytes, one.plugged_bytes],
    [G, 256 * M, null],
  );
  assertEquals(steps(made).map(({ kind }) => kind), [
    ...["stage-state", "qmp", "qmp", "own-record", "await-memory"],
    "commit-state",
  ]);
  assertEquals(steps(made).at(-2), {
    ...{ kind: "await-memory", id: "vmem-0", from: 0, to: 256 * M },
    runState: "running",
  });
});

Deno.test("planMemoryAdd() puts a virtio-mem device in the highest unreserved slot", () => {
  const slot = (...taken: number[]) => {
    const base = given().qemu.pci;
    const pci = [...base, ...taken.map((one) => pciDevice(one))];
    return args(plan(VIRTIO_MEM, { qemu: { pci } }), "device_add").addr;
  };
  assertEquals(slot(), "0xb");
  assertEquals(slot(11, 10), "0x9");
  // 0 and 1 are the machine's.
  const all = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
  assertEquals(slot(...all.slice(1)), "0x2");
  const { message, hint } = refusal("no-free-slot", () => slot(...all));
  assertMatch(message, /below kvm_pci_reservations \(12\), of 12 devices/);
  assertMatch(hint ?? "", /raise hvparam kvm_pci_reservations/);
});

Deno.test("planMemoryAdd() asks for PCI hotplug for a virtio-mem device alone", () => {
  const buses = given().qemu.buses.map((one) => ({
    ...one,
    hotplug: "off" as const,
  }));
  refusal("unsupported", () => plan(VIRTIO_MEM, { qemu: { buses } }));
  plan({}, { qemu: { buses } });
});

Deno.test("planMemoryAdd() refuses a maximum that is not whole", () => {
  const { message } = refusal(
    "refused",
    () => plan({ ...VIRTIO_MEM, maxBytes: 300 * M }),
  );
  assertEquals(message, "--max must be a multiple of 128M: it is 300M");
  // All that is free is the default, rounded down to whole blocks.
  const memory = { size: 512 * M, slots: 4, "max-size": G + 100 * M };
  const free = args(plan({ way: "virtio-mem" }, { memory }), "object-add");
  assertEquals(free.size, 512 * M);
  const full = { size: G, slots: 4, "max-size": G };
  refusal(
    "no-free-slot",
    () => plan({ way: "virtio-mem" }, { memory: full }),
  );
});

Deno.test("planMemoryAdd() warns of what a virtio-mem device gets, too", () => {
  const codes = (availableBytes: number) => {
    const { warnings, done = [] } = plan({}, WITH_VMEM, availableBytes);
    return [warnings, done].map((all) => all.map(({ code }) => code));
  };
  assertEquals(codes(G), [[], ["guest-brings-online"]]);
  assertEquals(codes(M), [["host-short-of-memory"], ["guest-brings-online"]]);
});

Deno.test("planMemoryAdd() says what a virtio-mem device can have", () => {
  const more = (maxBytes: number) => plan({ maxBytes }, WITH_VMEM);
  const { message } = refusal("refused", () => more(2 * G));
  assertMatch(message, /already has virtio-mem device vmem0, .* 1G at most/);
  assertEquals(steps(more(G))[1]?.execute, "qom-set");
  const odd = refusal("refused", () => plan({ sizeBytes: 3 * M }, WITH_VMEM));
  assertMatch(odd.message, /^The addition to vmem0 cannot be /);
  assertEquals(odd.hint, "the nearest possible: 2M and 4M");
  // One without an id cannot be asked: there is a second one then.
  const { id: _, ...nameless } = VMEM_DATA.data;
  const live = [{ ...VMEM_DATA, data: nameless }];
  const made = plan(VIRTIO_MEM, { live });
  assertEquals(args(made, "device_add").memaddr, 4 * G);
});

Deno.test("hostRemark() warns if more is given than there is", () => {
  const code = (left: number | undefined, more: number) =>
    hostRemark({ availableBytes: left }, more)?.code;
  assertEquals(code(G, G), undefined);
  assertEquals(code(G, G + 1), "host-short-of-memory");
  assertEquals(code(undefined, G), undefined);
  // This node tells.
  assertEquals(Number(availableBytes()) > M, true);
});

Deno.test("planMemoryAdd() counts memory that the file alone has", () => {
  // Where a start would put it, nothing else is put.
  const recorded = memoryWords({ ...DIMM, slot: 0, addr: 4 * G });
  const made = args(plan({}, { recorded }), "device_add");
  assertEquals([made.slot, made.addr], [1, 4 * G + 256 * M]);
  const noSize = recorded.map((one) => one.replace(/,size=\d+/, ""));
  const noAddr = recorded.map((one) => one.replace(/,addr=\d+/, ""));
  for (const words of [noSize, noAddr]) {
    const { slot, addr } = args(plan({}, { recorded: words }), "device_add");
    assertEquals([slot, addr], [0, 4 * G]);
  }
});
