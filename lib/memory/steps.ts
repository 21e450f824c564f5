/**
 * The kinds of steps that only memory has.
 *
 * @module
 */

import { awaitGuest, endIn, type WaitEnd } from "../engine/guest_wait.ts";
import type { EngineStep } from "../engine/steps.ts";
import { stepCheck, WITHIN } from "../engine/verbs.ts";
import { defineStep, type StepOf, type World } from "../engine/world.ts";
import { HotplugError, isFailure, remark } from "../errors.ts";
import { ask } from "../qmp/query.ts";
import { LINE, type Of, qemuId, text, whole } from "../state/value_check.ts";
import { typedSize } from "../words/text.ts";
import { MEMORY_DEVICES } from "./live.ts";

const size = whole(0, Number.MAX_SAFE_INTEGER);

const checkAwait = stepCheck("await-memory", {
  id: qemuId,
  // What the guest has, and what it is to have, in bytes.
  from: size,
  to: size,
  // Unless it is `running`, no guest could do it: no wait.
  runState: text(LINE),
});

/** Waits until the guest has as much of a virtio-mem device as was requested. */
type AwaitMemoryStep = Of<typeof checkAwait>;

async function pluggedOf(id: string, { qmp }: World): Promise<number> {
  const devices = await ask(qmp, MEMORY_DEVICES);
  return devices.find((one) => one.id === id)?.pluggedBytes ?? 0;
}

/** Waits for the guest. @throws {HotplugError} `unplug-pending` if it is late */
async function wait(step: AwaitMemoryStep, world: World): Promise<void> {
  const { id, to, runState } = step;
  let now = await pluggedOf(id, world);
  const unfinished = (why: string, end: WaitEnd) =>
    new HotplugError(
      "unplug-pending",
      `The guest has ${typedSize(now)} of ${id}, not the requested ${
        typedSize(to)
      }: ${why}`,
      {
        hint: "the request stays: the guest may still follow it",
        isPaused: end === "paused",
      },
    );
  const isDone = async () => {
    now = await pluggedOf(id, world);
    return now === to;
  };
  if (runState !== "running") {
    if (now === to) return;
    const why = `the VM is not running (run state ${runState})`;
    throw unfinished(why, endIn(runState));
  }
  await awaitGuest({
    what: () =>
      `the guest has ${typedSize(now)} of the requested ${typedSize(to)}`,
    isDone,
    matters: ({ event, data }) =>
      event === "MEMORY_DEVICE_SIZE_CHANGE" && data.id === id,
    heard: () => "ask",
    unfinished,
    interrupt: "stops waiting; the request stays",
    signal: world.options.signal,
  }, world);
}

/** A guest that takes less than it could have is no failure. */
const AWAIT_MEMORY_STEP = defineStep({
  check: checkAwait,
  traits: () => ({ ...WITHIN, without: "void" }),
  async do(step, world) {
    try {
      await wait(step, world);
    } catch (error) {
      const isLate = isFailure(error, "unplug-pending");
      if (!isLate || step.to < step.from) throw error;
      const { message, hint } = error;
      world.leave(remark("memory-not-taken", message, { hint }));
    }
  },
  undo() {},
  confirm: async ({ id, to }, world) => await pluggedOf(id, world) === to,
  describe: ({ id, to }) => ({
    step: `wait until the guest has ${typedSize(to)} of ${id}`,
    qmp: { execute: "query-memory-devices", arguments: {} },
    undo: null,
  }),
});

/** Those that only memory has. */
export const MEMORY_STEPS = [AWAIT_MEMORY_STEP];

/** A step of a plan for memory. */
export type MemoryStep = EngineStep | StepOf<typeof MEMORY_STEPS>;
