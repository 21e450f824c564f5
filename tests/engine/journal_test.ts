/** What stands in the journal before each step, read back from the file. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  beginJournal,
  fingerprintOf,
  journalProgress,
} from "../../lib/engine/journal.ts";
import { readJournal } from "../../lib/engine/journal_read.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import type { Step } from "../../lib/engine/verbs.ts";
import { World } from "../../lib/engine/world.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { TAP_VALUE } from "../../lib/nic/tap_steps.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { openOwnDirectory } from "../../lib/state/lock.ts";
import { nicAdd, nicAddFacts, planOf } from "../support/facts.ts";
import { kindOf, STEPS } from "../support/steps.ts";

const OPTIONS = { qmpPath: "", timeoutMs: 1, unplugTimeoutMs: 1, steps: STEPS };
const PLAN = planOf(planNicAdd(nicAdd(), nicAddFacts()));
const QEMU = {
  ...{ pid: 7, start: 99, name: "vm1" },
  boot: "01234567-89ab-cdef-0123-456789abcdef",
};
/** Where the plan's files are. */
const PLANNED = instancePaths("/run/g", "vm1");

Deno.test("journalProgress() writes each value once, before the next step", async () => {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  const paths = instancePaths(runDir, "vm1");
  const what = { plan: PLAN, command: "nic add", request: "{}" };
  const text = () =>
    Deno.readTextFileSync(`${runDir}/kvm-hotplug/vm1.journal`)
      .trimEnd().split("\n").slice(1).map((line) => JSON.parse(line));
  try {
    using file = beginJournal(paths, { ...what, qemu: QEMU, steps: STEPS });
    using world = new World(undefined, OPTIONS);
    const seen: string[] = [];
    const next = {
      doing: (_: Step, index: number) =>
        seen.push(`do ${index}: ${text().length}`),
      undoing: (_: Step, index: number) =>
        seen.push(`undo ${index}: ${text().length}`),
    };
    const about = { plan: PLAN, world, next };
    const { doing, undoing } = journalProgress(file, about);
    const call = (how: typeof doing, index: number) => {
      const step = PLAN.steps[index]!;
      how?.(step, index, kindOf(step));
    };
    call(doing, 0);
    world.values.set(TAP_VALUE, "tap7");
    call(doing, 1);
    call(doing, 2);
    call(undoing, 2);
    assertEquals(text(), [
      { do: 0 },
      { do: 1, values: { tap: "tap7" } },
      { do: 2 },
      { undo: 2 },
    ]);
    assertEquals(seen, ["do 0: 1", "do 1: 2", "do 2: 3", "undo 2: 4"]);
    using dir = openOwnDirectory(runDir);
    const load = () => Promise.resolve(STEPS);
    const reading = await readJournal(dir, PLANNED, load);
    if (reading.state !== "left") throw new Error(JSON.stringify(reading));
    const { begun, undoing: isUndone, qemu, boot, at } = reading.journal;
    assertEquals([begun, isUndone, qemu, boot], [2, true, QEMU, QEMU.boot]);
    assertEquals(reading.journal.values.get(TAP_VALUE), "tap7");
    assertMatch(at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});

Deno.test("journalProgress() has no line of a step that leaves nothing", () => {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  const paths = instancePaths(runDir, "vm1");
  const look = PLAN.steps.findIndex(({ kind }) => kind === "verify-device");
  try {
    const what = { plan: PLAN, command: "nic add", request: "{}" };
    const linesOf = (plan: Plan) => {
      using file = beginJournal(paths, { ...what, qemu: QEMU, steps: STEPS });
      using world = new World(undefined, OPTIONS);
      const { doing } = journalProgress(file, { plan, world });
      for (const [index, step] of plan.steps.entries()) {
        doing?.(step, index, kindOf(step));
      }
      const path = `${runDir}/kvm-hotplug/vm1.journal`;
      const lines = Deno.readTextFileSync(path).trimEnd().split("\n").slice(1);
      file.end();
      return lines.map((line) => JSON.parse(line).do);
    };
    const all = PLAN.steps.map((_, index) => index);
    // Behind the step in which the guest takes part there is always one.
    assertEquals(PLAN.turn, look - 1);
    assertEquals(linesOf(PLAN), all);
    const others = all.filter((index) => index !== look);
    assertEquals(linesOf({ ...PLAN, turn: look - 2 }), others);
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});

Deno.test("fingerprintOf() leaves out what was made up", () => {
  const uuid = (origin: string) => ({ uuid: { origin, uuid: origin } });
  assertEquals(fingerprintOf(uuid("made")), '{"uuid":null}');
  assertEquals(
    fingerprintOf(uuid("given")),
    '{"uuid":{"origin":"given","uuid":"given"}}',
  );
});
