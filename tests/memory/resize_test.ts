import { assertEquals, assertMatch } from "@std/assert";
import { memoryOf } from "../../lib/memory/live.ts";
import {
  planMemoryAwait,
  planMemoryResize,
  resizeRequests,
} from "../../lib/memory/resize.ts";
import { memoryWords } from "../../lib/memory/recorded.ts";
import { present, refusal } from "../support/facts.ts";
import {
  type Case,
  DIMM_DATA,
  given,
  M,
  steps,
  VMEM,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function resize(
  requestedBytes: number,
  one: Case = WITH_VMEM,
  device = "vmem0",
) {
  const about = { instance: "vm1", device, requestedBytes };
  return planMemoryResize({ kind: "memory-resize", ...about }, given(one));
}

function wait(requestedBytes: number, one: Case = WITH_VMEM) {
  const about = { instance: "vm1", device: "vmem0", requestedBytes };
  const fromBytes = 256 * M;
  return planMemoryAwait(
    { kind: "memory-await", ...about, fromBytes },
    given(one),
  );
}

/** A VM in which the guest has this much of the device. */
function plugged(bytes: number): Case {
  const data = { ...VMEM_DATA.data, size: bytes };
  return { ...WITH_VMEM, live: [{ ...VMEM_DATA, data }] };
}

Deno.test("planMemoryResize() tells that the VM is paused", () => {
  const warnings = (runState: string) =>
    resize(258 * M, { ...WITH_VMEM, qemu: { runState } }).warnings
      .map(({ code }) => code);
  assertEquals([warnings("running"), warnings("paused")], [[], ["paused"]]);
});

Deno.test("resizeRequests() waits for a guest that is to give back", () => {
  const requests = (bytes: number, one: Case = WITH_VMEM) => {
    const [live] = memoryOf(given(one).qemu).devices;
    return resizeRequests(given(), present(live), bytes);
  };
  const about = { instance: "vm1", device: "vmem0" };
  const resize = { kind: "memory-resize", ...about } as const;
  const wait = { kind: "memory-await", ...about } as const;
  assertEquals(requests(254 * M), [
    { ...resize, requestedBytes: 254 * M },
    { ...wait, requestedBytes: 254 * M, fromBytes: 256 * M },
  ]);
  assertEquals(requests(258 * M), [{ ...resize, requestedBytes: 258 * M }]);
  // It was asked for that before: there is only the wait.
  assertEquals(requests(256 * M, plugged(128 * M)), [
    { ...wait, requestedBytes: 256 * M, fromBytes: 128 * M },
  ]);
  assertEquals(requests(128 * M, plugged(128 * M)), [
    { ...resize, requestedBytes: 128 * M },
  ]);
});

Deno.test("planMemoryResize() records, tells QEMU, notes and waits", () => {
  const plan = resize(512 * M);
  assertEquals(steps(plan).map(({ kind }) => kind), [
    ...["stage-state", "qmp", "own-record", "await-memory", "commit-state"],
  ]);
  assertEquals(steps(plan)[3], {
    ...{ kind: "await-memory", id: "vmem0", from: 256 * M, to: 512 * M },
    runState: "running",
  });
  const { action, instance, title, kinds, turn, device } = plan;
  assertEquals([action, instance, title, kinds, turn], [
    ...["resize", "vm1", "memory 0", ["memory"], 1],
  ]);
  assertEquals(
    [device?.size_bytes, device?.requested_bytes, device?.plugged_bytes],
    [1024 * M, 512 * M, null],
  );
});

Deno.test("planMemoryResize() waits unless the guest is to give back", () => {
  const waits = (bytes: number) =>
    steps(resize(bytes)).some(({ kind }) => kind === "await-memory");
  assertEquals([254 * M, 256 * M, 258 * M].map(waits), [false, true, true]);
});

Deno.test("planMemoryResize() refuses what is not to be resized", () => {
  const odd = memoryWords(VMEM).map((one, at) =>
    at === 3 ? `${one},x-odd=1` : one
  );
  const { message } = refusal(
    "refused",
    () => resize(512 * M, { ...WITH_VMEM, recorded: odd }),
  );
  assertMatch(message, /properties that are not understood/);
  refusal("no-such-device", () => resize(128 * M, WITH_DIMM, "dimm-0"));
  refusal("refused", () => resize(M));
  const moving = { ...WITH_VMEM, qemu: { migration: "active" } };
  refusal("migrating", () => resize(512 * M, moving));
  refusal("migrating", () => wait(128 * M, moving));
});

Deno.test("planMemoryResize() tells of a device that Ganeti records itself", () => {
  const foreign = { live: [DIMM_DATA, VMEM_DATA], later: [[], ["vmem0"]] };
  const { title, device } = resize(512 * M, foreign);
  assertEquals(title, "memory vmem0");
  assertEquals(
    [device?.id, device?.driver, device?.size_bytes, device?.slot],
    ["vmem0", "virtio-mem-pci", 1024 * M, 9],
  );
});

Deno.test("planMemoryAwait() waits from what the guest had", () => {
  const plan = wait(128 * M);
  const { action, title, kinds, device } = plan;
  assertEquals([action, title, kinds], ["set", "memory 0", ["memory"]]);
  assertEquals([device?.requested_bytes, device?.plugged_bytes], [
    ...[128 * M, 128 * M],
  ]);
  assertEquals(steps(plan), [{
    ...{ kind: "await-memory", id: "vmem0", from: 256 * M, to: 128 * M },
    runState: "running",
  }]);
  // A guest may take less than it could have.
  for (const bytes of [256 * M, 512 * M]) {
    assertEquals(wait(bytes).device?.plugged_bytes, null);
  }
});
