/** Journals cut, mixed up and overwritten: read or refused, never a crash. */
import { assert, assertEquals } from "@std/assert";
import { JOURNAL_VERSION } from "../../lib/engine/journal.ts";
import { parseJournal } from "../../lib/engine/journal_read.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import { planNicRemove } from "../../lib/nic/remove.ts";
import { repairPlan } from "../../lib/plan/finding.ts";
import { stepFault } from "../../lib/engine/journal_read.ts";
import type { AnyStep } from "../../lib/kinds.ts";
import { TAP_VALUE } from "../../lib/nic/tap_steps.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  diskAdd,
  diskAddFacts,
  facts,
  nic,
  nicAdd,
  nicAddFacts,
  nicModifyFacts,
  planOf,
} from "../support/facts.ts";
import { known, STEPS } from "../support/steps.ts";
import {
  fuzz,
  isSeedGiven,
  jsonText,
  oddText,
  type Random,
} from "../support/prng.ts";

const PATHS = instancePaths("/run/g", "vm1");

/** What is not in a plan of version 1 is derived, and then not looked at. */
function journal(plan: unknown, version = JOURNAL_VERSION): string[] {
  const header = {
    version,
    boot: "01234567-89ab-cdef-0123-456789abcdef",
    qemu: null,
    at: "2026-01-01T00:00:00.000Z",
    command: "nic add",
    request: "{}",
    plan,
  };
  return [
    header,
    { do: 0 },
    { do: 1, values: { tap: "tap0" } },
    { undo: 1 },
    { undo: 0 },
  ].map((one) => JSON.stringify(one));
}

const LEFTOVER = "/run/g/kvm-hypervisor/conf/vm1.runtimeabcdefgh.new";

const LEFT: AnyStep[] = [
  { kind: "remove-leftover", path: LEFTOVER },
  { kind: "drop-fd-names", names: ["kvm-hotplug-0", "kvm-hotplug-vhost-3"] },
];

const PLANS = [
  known(repairPlan("vm1", LEFTOVER, { kinds: ["nic"], steps: LEFT }), PATHS),
  planOf(planDiskAdd(diskAdd(), diskAddFacts())),
  planOf(planNicAdd(nicAdd(), nicAddFacts())),
  planOf(planNicModify(
    {
      kind: "nic-modify",
      instance: "vm1",
      device: "0",
      changes: { mac: "aa:00:00:00:00:77", linkState: "down" },
    },
    nicModifyFacts({ nics: [nic(0, 13)] }),
  )),
  planOf(planNicRemove(
    { kind: "nic-remove", instance: "vm1", device: "0" },
    facts({ nics: [nic(0, 13)] }),
  )),
];

Deno.test("parseJournal() reads what the tool writes", () => {
  for (const plan of PLANS) {
    const lines = journal(plan);
    for (let n = 0; n <= lines.length; n++) {
      const reading = parseJournal(lines.slice(0, n), PATHS, STEPS);
      assertEquals(reading.state, n < 2 ? "empty" : "left");
      if (reading.state !== "left") continue;
      const { begun, undoing, values } = reading.journal;
      assertEquals([begun, undoing], [Math.min(n - 2, 1), n > 3]);
      assertEquals(values.get(TAP_VALUE), n > 2 ? "tap0" : undefined);
    }
  }
});

Deno.test("parseJournal() tells whose journal of the user's file it is", () => {
  const state = PATHS.runtime;
  const lines = journal(PLANS[1]);
  const other = instancePaths("/run/g", "vm2", { state });
  assertEquals(parseJournal(lines, other, STEPS), {
    ...{ state: "foreign", instance: "vm1" },
  });
  // The derived file has but one name.
  const derived = { ...other, lockKey: "vm2" };
  assertEquals(parseJournal(lines, derived, STEPS).state, "damaged");
  for (const odd of ["../vm1", "", "vm1/"]) {
    const named = lines.map((line) =>
      line.replace('"instance":"vm1"', `"instance":"${odd}"`)
    );
    assertEquals(parseJournal(named, other, STEPS).state, "damaged", odd);
  }
  for (const cut of [["{"], ["null"], ['{"plan":null}'], lines.slice(1)]) {
    assertEquals(parseJournal(cut, other, STEPS).state, "damaged");
  }
});

const HOSTILE: readonly (readonly [RegExp, string])[] = [
  [/"path":"[^"]*runtime"/, '"path":"/etc/shadow"'],
  [/"temporary":"[^"]*"/, '"temporary":"../../../../etc/x"'],
  [/"temporary":"[^"]*"/, '"temporary":"vm1.runtime"'],
  [/"directory":"[^"]*"/, '"directory":"/etc"'],
  [/"execute":"\w+[_-]del"/, '"execute":"quit"'],
  [/"execute":"\w+[_-]add"/, '"execute":"human-monitor-command"'],
  [/"kind":"stage-state"/, '"kind":"__proto__"'],
  [/"steps":\[/, '"steps":[null,'],
  [/"steps":\[/, '"steps":[{"kind":"constructor"},'],
  [/"instance":"vm1"/, '"instance":"vm2"'],
  [/"version":2/, '"version":3'],
  [/"ifCut":"[a-z-]*"/, '"ifCut":"redo"'],
  [/"turn":\d+/, '"turn":0'],
  [/"turn":\d+/, '"turn":null'],
  [/"turn":null/, '"turn":0'],
  [/"note":"\w+"/, '"note":"x"'],
  [
    /"path":"[^"]*abcdefgh.new"/,
    '"path":"/run/g/kvm-hypervisor/conf/vm1.runtime"',
  ],
  [/"path":"[^"]*abcdefgh.new"/, '"path":"/etc/vm1.runtimeabcdefgh.new"'],
  [/"filename":"[^"]*"/, '"filename":"x"'],
  [/"write-cache":/, '"romfile":"/x","write-cache":'],
  [/"type":"tap"/, '"type":"tap","script":"/x"'],
  [/"type":"tap"/, '"type":"bridge"'],
  [/"node-name":"[^"]*","discard":"/, '$&x","command":"'],
  [/"netdev":"[^"]*"/, '"netdev":{"x":1}'],
  [/"names":\["[^"]*"/, '"names":["monitor"'],
  [/"list":"\w+","uuid":"[^"]*"/, '"list":"nics","uuid":"../x"'],
];

Deno.test("parseJournal() refuses a plan that is not ours", () => {
  for (const [form, planted] of HOSTILE) {
    const tried = PLANS.map((plan) => journal(plan))
      .filter(([head = ""]) => form.test(head));
    assert(tried.length > 0, String(form));
    for (const [head = "", ...lines] of tried) {
      const changed = [head.replace(form, planted), ...lines];
      assertEquals(
        parseJournal(changed, PATHS, STEPS).state,
        "damaged",
        planted,
      );
    }
  }
  const tap = journal(PLANS[2]).map((line) =>
    line.replace('"tap":"tap0"', '"tap":"../../x"')
  );
  assertEquals(parseJournal(tap, PATHS, STEPS).state, "damaged");
});

/** One place of a line overwritten, taken out or filled. */
function damage(line: string, random: Random): string {
  const from = random.below(line.length + 1);
  const to = Math.min(line.length, from + random.below(9));
  const put = random.once(2) ? jsonText(random, 2) : oddText(random, 4);
  return line.slice(0, from) + put + line.slice(to);
}

Deno.test("parseJournal() takes any text", () => {
  let refused = 0;
  fuzz(3_000, (random) => {
    const lines = journal(random.pick(PLANS), random.pick([1, 2]));
    const at = random.below(lines.length);
    lines[at] = damage(lines[at] ?? "", random);
    const reading = parseJournal(lines, PATHS, STEPS);
    if (reading.state === "damaged") refused++;
    if (reading.state !== "left") return;
    const { plan, begun } = reading.journal;
    assert(begun < plan.steps.length);
    for (const step of plan.steps) {
      assertEquals(stepFault(step, PATHS, STEPS), undefined);
    }
  });
  if (!isSeedGiven()) assert(refused > 1_000, `${refused}`);
});
