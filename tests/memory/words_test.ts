import { assertEquals, assertMatch } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { memoryDetails, memoryTotal } from "../../lib/memory/details.ts";
import { MEMORY_COMMANDS, memoryRequest } from "../../lib/memory/words.ts";
import { refusal } from "../support/facts.ts";
import { G } from "../support/memory.ts";

function request(...words: string[]) {
  return memoryRequest(parseInvocation(words), "vm1");
}

function refused(...words: string[]): string {
  return refusal("usage", () => request(...words)).message;
}

Deno.test("memoryRequest() makes the request of each command", () => {
  const about = { instance: "vm1" };
  const none = { way: undefined, maxBytes: undefined };
  assertEquals(request("memory", "add", "vm1", "1G"), {
    ...{ kind: "memory-add", ...about, sizeBytes: G, ...none },
  });
  for (const way of ["dimm", "virtio-mem"]) {
    assertEquals(request("memory", "add", "vm1", "1G", "--kind", way), {
      ...{ kind: "memory-add", ...about, sizeBytes: G, ...none, way },
    });
  }
  const most = ["--kind", "virtio-mem", "--max"];
  assertEquals(request("memory", "add", "vm1", "1G", ...most, "4G"), {
    ...{ kind: "memory-add", ...about, sizeBytes: G },
    ...{ way: "virtio-mem", maxBytes: 4 * G },
  });
  assertEquals(request("memory", "set", "vm1", "2G"), {
    ...{ kind: "memory-set", ...about, sizeBytes: 2 * G },
  });
  assertEquals(request("memory", "remove", "vm1", "dimm-0"), {
    ...{ kind: "memory-remove", ...about, device: "dimm-0" },
  });
  assertEquals(request("memory", "remove", "vm1", "dimm-0", "--force"), {
    ...{ kind: "memory-remove", ...about, device: "dimm-0" },
    unrecorded: "forced",
  });
  assertEquals(request("vcpu", "add", "vm1"), undefined);
});

Deno.test("memoryRequest() takes sizes from a byte to 1 PiB", () => {
  const most = String(2 ** 50);
  const virtioMem = ["memory", "add", "vm1", "1G", "--kind", "virtio-mem"];
  for (const size of ["1", most]) {
    request("memory", "set", "vm1", size);
    request("memory", "add", "vm1", size);
    request(...virtioMem, "--max", size);
  }
  for (const size of ["0", "x", String(2 ** 50 + 1)]) {
    assertMatch(refused("memory", "set", "vm1", size), /SIZE/);
    assertMatch(refused("memory", "add", "vm1", size), /SIZE/);
    assertMatch(refused(...virtioMem, "--max", size), /--max/);
  }
});

Deno.test("memoryRequest() refuses --max without a virtio-mem device", () => {
  const add = ["memory", "add", "vm1", "1G"];
  const why = /--max is only for --kind virtio-mem/;
  assertMatch(refused(...add, "--max", "2G"), why);
  assertMatch(refused(...add, "--kind", "dimm", "--max", "2G"), why);
  assertMatch(refused(...add, "--kind", "nvdimm"), /--kind/);
});

Deno.test("MEMORY_COMMANDS have the options that memoryRequest() reads", () => {
  const told = MEMORY_COMMANDS.map(({ name, options }) => [
    name,
    ...options.map((one) => one.name),
  ]);
  assertEquals(told, [
    ["memory add", "kind", "max", "dry-run"],
    ["memory remove", "dry-run", "force"],
    ["memory set", "dry-run"],
  ]);
});

Deno.test("memoryDetails() tells how much the guest has", () => {
  const details = (one: object) =>
    memoryDetails(one as Parameters<typeof memoryDetails>[0])
      .filter((part) => part);
  const size = { size_bytes: 4 * G, requested_bytes: 2 * G };
  const dimm = { ...size, plugged_bytes: 4 * G, driver: "pc-dimm" };
  assertEquals(details(dimm), ["4 GiB", "pc-dimm"]);
  const vmem = { ...size, driver: "virtio-mem-pci" };
  assertEquals(details({ ...vmem, plugged_bytes: G }), [
    ...["2 GiB", "the guest has 1 GiB", "at most 4 GiB", "virtio-mem-pci"],
  ]);
  for (const plugged_bytes of [null, 2 * G]) {
    assertEquals(details({ ...vmem, plugged_bytes }), [
      ...["2 GiB", "at most 4 GiB", "virtio-mem-pci"],
    ]);
  }
  assertEquals(details({ ...vmem, size_bytes: null, plugged_bytes: null }), [
    ...["2 GiB", "virtio-mem-pci"],
  ]);
});

Deno.test("memoryTotal() says how much there is, if that is known", () => {
  assertEquals(memoryTotal({ memory_bytes: 2 * G }), "2 GiB of memory");
  assertEquals(memoryTotal({ memory_bytes: null }), undefined);
});
