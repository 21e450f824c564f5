/** Where the guest takes part stands in a plan, and is checked when read. */
import { assertEquals, assertThrows } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { checkPlan, Fault } from "../../lib/engine/journal_read.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  diskAdd,
  diskAddFacts,
  nic,
  nicModifyFacts,
  planOf,
  stepNames,
} from "../support/facts.ts";
import { type KnownPlan, STEPS } from "../support/steps.ts";

const PATHS = instancePaths("/run/g", "vm1");

const ADD = planOf(planDiskAdd(diskAdd(), diskAddFacts()));

function modified(changes: Parameters<typeof planNicModify>[0]["changes"]) {
  return planOf(planNicModify(
    { kind: "nic-modify", instance: "vm1", device: "0", changes },
    nicModifyFacts({ nics: [nic(0, 13)] }),
  ));
}

/** Reads a plan back with something else in the place of its turn. */
function turned(plan: KnownPlan, turn: unknown): void {
  const text = JSON.stringify({ ...plan, turn });
  checkPlan(JSON.parse(text), PATHS, STEPS);
}

function refused(plan: KnownPlan, turn: unknown): void {
  assertThrows(
    () => turned(plan, turn),
    Fault,
    "has no valid turning step",
    String(turn),
  );
}

Deno.test("checkPlan() takes the turn of a step that the guest takes part in", () => {
  assertEquals(stepNames(ADD)[ADD.turn ?? -1], "device_add");
  turned(ADD, ADD.turn);
  for (const step of ADD.steps.keys()) {
    if (step !== ADD.turn) refused(ADD, step);
  }
  const others = [
    -1,
    0.5,
    99,
    null,
    undefined,
    `${ADD.turn}`,
    [ADD.turn],
    true,
  ];
  for (const turn of others) refused(ADD, turn);
});

Deno.test("checkPlan() takes no turn where the guest takes no part", () => {
  const moved = modified({ link: "br1" });
  assertEquals(moved.turn, null);
  turned(moved, null);
  for (const turn of moved.steps.keys()) refused(moved, turn);
});

Deno.test("checkPlan() takes no turn of what is put back", () => {
  const replug = modified({ mac: "aa:00:00:00:00:77" });
  const unplug = stepNames(replug).indexOf("unplug");
  assertEquals(unplug >= 0, true);
  turned(replug, stepNames(replug).indexOf("device_add"));
  refused(replug, unplug);
});
