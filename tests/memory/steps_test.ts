import { assertEquals, assertRejects } from "@std/assert";
import { HotplugError, type Remark } from "../../lib/errors.ts";
import type { World } from "../../lib/engine/world.ts";
import { MEMORY_STEPS } from "../../lib/memory/steps.ts";
import type { QmpEvent } from "../../lib/qmp/message.ts";
import { present } from "../support/facts.ts";
import { M } from "../support/memory.ts";

const [STEP] = MEMORY_STEPS;

interface Guest {
  /** What it has, each time QEMU is asked; the last value stays. */
  readonly has: readonly number[];
  readonly events?: readonly QmpEvent[];
  readonly id?: string;
}

/** A monitor that tells of one device, and what was left to say. */
function world({ has, events = [], id = "vmem0" }: Guest) {
  const left: Remark[] = [];
  const told: string[] = [];
  let asked = 0;
  const device = () => ({
    type: "virtio-mem",
    data: { id, size: has[Math.min(asked++, has.length - 1)] },
  });
  const heard = [...events];
  const qmp = {
    mark: () => 0,
    executeAll: () => Promise.resolve([[device()]]),
    waitEvent: (matters: (event: QmpEvent) => boolean) =>
      Promise.resolve(heard.splice(0).find(matters) ?? "timeout"),
  };
  const options = {
    unplugTimeoutMs: 0,
    waiting: ({ what }: { what: string }) => void told.push(what),
  };
  const leave = (one: Remark) => void left.push(one);
  const made = { qmp, options, leave } as unknown as World;
  return { made, left, told, asked: () => asked };
}

function step(more: object = {}) {
  const about = { id: "vmem0", from: 0, to: 256 * M, runState: "running" };
  return { kind: "await-memory", ...about, ...more } as const;
}

const SIZE_CHANGE = {
  event: "MEMORY_DEVICE_SIZE_CHANGE",
  data: { id: "vmem0" },
} as unknown as QmpEvent;

Deno.test("await-memory is over once the guest has what was requested", async () => {
  const { made, left, asked } = world({ has: [256 * M] });
  await STEP?.do(step(), made);
  assertEquals([left, asked()], [[], 2]);
  const slow = world({ has: [0, 0, 256 * M], events: [SIZE_CHANGE] });
  await STEP?.do(step(), slow.made);
  assertEquals(slow.left, []);
  assertEquals(slow.told, ["the guest has 0 of the requested 256M"]);
});

Deno.test("await-memory hears the device's own event alone", async () => {
  // Each is asked at the begin, before the wait, and when it is too late.
  const of = async (event: object) => {
    const one = world({ has: [0], events: [event as QmpEvent] });
    await STEP?.do(step(), one.made);
    return one.asked();
  };
  assertEquals(await of(SIZE_CHANGE), 4);
  assertEquals(await of({ ...SIZE_CHANGE, data: { id: "other" } }), 3);
  assertEquals(
    await of({ event: "NIC_RX_FILTER_CHANGED", data: { id: "vmem0" } }),
    3,
  );
});

Deno.test("await-memory: a guest that takes less is a remark", async () => {
  const { made, left } = world({ has: [128 * M] });
  await STEP?.do(step({ from: 256 * M }), made);
  assertEquals(left.map(({ code, message }) => `${code}: ${message}`), [
    "memory-not-taken: The guest has 128M of vmem0, not the requested 256M: no answer within 0 s",
  ]);
  assertEquals(
    left[0]?.hint,
    [
      "the request stays: the guest may still follow it",
    ][0],
  );
});

Deno.test("await-memory: a guest that gives back less is a failure", async () => {
  const { made, left } = world({ has: [256 * M] });
  const error = await assertRejects(
    async () => await STEP?.do(step({ from: 256 * M, to: 128 * M }), made),
    HotplugError,
  );
  assertEquals(error.code, "unplug-pending");
  assertEquals(left, []);
  // Nor is another fault a remark.
  const broken = { made: { ...made, qmp: {} } as unknown as World };
  await assertRejects(
    async () => await STEP?.do(step(), broken.made),
    TypeError,
  );
});

Deno.test("await-memory does not wait for a VM that does not run", async () => {
  const paused = step({ runState: "paused" });
  const there = world({ has: [256 * M] });
  await STEP?.do(paused, there.made);
  assertEquals([there.left, there.told, there.asked()], [[], [], 1]);
  const short = world({ has: [0] });
  await STEP?.do(paused, short.made);
  assertEquals(short.told, []);
  assertEquals(
    present(short.left[0]).message,
    [
      "The guest has 0 of vmem0, not the requested 256M: the VM is not running (run state paused)",
    ][0],
  );
  // Without the device the guest has nothing of it.
  const gone = world({ has: [256 * M], id: "other" });
  await STEP?.do(paused, gone.made);
  assertEquals(gone.left.length, 1);
});

Deno.test("await-memory is confirmed by what the guest has", async () => {
  const confirm = async (has: number) =>
    await STEP?.confirm(step(), world({ has: [has] }).made);
  assertEquals(await confirm(256 * M), "done");
  assertEquals(await confirm(254 * M), "not-done");
});
