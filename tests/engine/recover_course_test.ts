import { assertEquals } from "@std/assert";
import { type Plan, planOf as marked } from "../../lib/engine/plan.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import {
  courseOf,
  type Reality,
  turningStep,
} from "../../lib/engine/recover_course.ts";
import {
  disk,
  diskAdd,
  diskAddFacts,
  facts,
  planOf,
  stepNames,
  uuidOf,
} from "../support/facts.ts";
import { STEPS } from "../support/steps.ts";

const ADD = planOf(planDiskAdd(diskAdd(), diskAddFacts()));

function removal(more: Parameters<typeof facts>[0] = {}): Plan {
  return planOf(planDiskRemove(
    {
      kind: "disk-remove",
      instance: "vm1",
      device: uuidOf("disk", 0),
      bootDisk: "forced",
    },
    facts({ disks: [disk(0, 13)], ...more }),
  ));
}

function course(
  plan: Plan,
  begun: number,
  reality: Partial<Reality> & { readonly undoing?: boolean } = {},
) {
  const { undoing = false, ...more } = reality;
  return courseOf({ plan, begun, undoing }, {
    qemu: "same",
    committed: "not-done",
    turned: "not-done",
    ...more,
  }, STEPS);
}

Deno.test("a plan turns where the guest takes part", () => {
  assertEquals(stepNames(ADD)[ADD.turn ?? -1], "device_add");
  const remove = removal();
  assertEquals(stepNames(remove)[remove.turn ?? -1], "unplug");
  const gone = removal({ qemu: { deviceIds: new Set() } });
  assertEquals(gone.turn, null);
  // So a plan turns that does not say where.
  for (const { steps, turn } of [ADD, remove, gone]) {
    assertEquals(turningStep(steps, STEPS), turn);
  }
});

Deno.test("courseOf() takes an addition back unless the guest has it", () => {
  const turn = ADD.turn ?? -1;
  for (const step of ADD.steps.keys()) {
    assertEquals(course(ADD, step), "take-back", `${step}`);
    const there = course(ADD, step, { turned: "done" });
    assertEquals(there, step < turn ? "take-back" : "finish", `${step}`);
    const undoing = course(ADD, step, { turned: "done", undoing: true });
    assertEquals(undoing, "take-back", `${step}`);
    const gone = course(ADD, step, { qemu: "gone", turned: undefined });
    assertEquals(gone, "take-back", `${step}`);
  }
});

Deno.test("courseOf() finishes what reached its record", () => {
  const committed = { committed: "done" } as const;
  const last = ADD.steps.length - 1;
  for (const qemu of ["same", "gone"] as const) {
    const there = { ...committed, qemu, turned: "done" } as const;
    assertEquals(course(ADD, last, there), "finish");
  }
  // The device is gone: it is never plugged once more.
  assertEquals(course(ADD, last, committed), "take-back");
  const undoing = { ...committed, undoing: true };
  assertEquals(course(ADD, last, undoing), "take-back");
});

Deno.test("courseOf() finishes a removal once the guest was asked", () => {
  const plan = removal();
  const turn = plan.turn ?? -1;
  for (const step of plan.steps.keys()) {
    const expected = step < turn ? "take-back" : "finish";
    assertEquals(course(plan, step), expected, `${step}`);
    assertEquals(course(plan, step, { turned: "done" }), expected, `${step}`);
    // A VM that ended while the guest was asked may not have released it.
    const gone = course(plan, step, { qemu: "gone", turned: undefined });
    assertEquals(gone, step > turn ? "finish" : "take-back", `${step}`);
  }
  assertEquals(course(plan, turn, { undoing: true }), "take-back");
  const released = { undoing: true, turned: "done" } as const;
  assertEquals(course(plan, turn, released), "finish");
});

Deno.test("courseOf() finishes a removal of what the guest had released", () => {
  const plan = removal({ qemu: { deviceIds: new Set() } });
  assertEquals(course(plan, 0), "finish");
});

Deno.test("courseOf() takes no medium back whose node is gone", () => {
  const change = {
    kind: "change-medium",
    id: "cd",
    title: "disk 0",
    from: "cd",
    to: null,
    lock: "heeded",
  } as const;
  const drop = {
    kind: "qmp",
    execute: "blockdev-del",
    arguments: { "node-name": "cd" },
    undo: null,
  } as const;
  const wait = { kind: "await-release", pid: 1, identity: "x" } as const;
  const steps = [change, drop, wait];
  const plan = marked({ ...ADD, action: "set", steps, turn: change });
  const undoing = { turned: "done", undoing: true } as const;
  assertEquals(course(plan, 1, undoing), "take-back");
  assertEquals(course(plan, 2, undoing), "finish");
  assertEquals(course(plan, 2, { ...undoing, qemu: "gone" }), "take-back");
});
