import { assertEquals, assertStringIncludes } from "@std/assert";
import { compareWhole } from "../../lib/compare/whole.ts";
import { checkPlan } from "../../lib/engine/journal_read.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import type { World } from "../../lib/engine/world.ts";
import { isSupported, judgeAll } from "../../lib/inspect/check_rules.ts";
import { listDevices } from "../../lib/inspect/list.ts";
import { loadWholeKinds } from "../../lib/kinds.ts";
import { planAdopt } from "../../lib/operation/adopt.ts";
import { stepsOf } from "../../lib/operation/journal_reader.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import type { Kind } from "../../lib/plan/kind.ts";
import { keyOf, nameOf, noteFor } from "../../lib/plan/recorded.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import {
  formatRuntime,
  parseRuntime,
  type RecordedDevice,
} from "../../lib/state/runtime.ts";
import { applyChange } from "../../lib/state/runtime_change.ts";
import {
  FAN_KIND,
  fanAdoption,
  fanWords,
  planFanAdd,
  planFanRemove,
} from "../support/fan_kind.ts";
import {
  disk,
  facts,
  type FactsSpec,
  idOf,
  nic,
  refusal,
  stepNames,
  uuidOf,
} from "../support/facts.ts";

const SPEC = { disks: [disk(0, 13)], nics: [nic(0, 14)] };

const OTHERS = await loadWholeKinds();
const KINDS = [...OTHERS, { ...FAN_KIND, ...await FAN_KIND.changes() }];

/** What journals' plans may have, with fans among the kinds. */
const STEPS = stepsOf(KINDS);

/** An instance with fans in its `kvm_cmd`; QEMU has these. */
function withFans(
  recorded: readonly string[],
  { live = recorded, ...spec }: FactsSpec & { live?: readonly string[] } = {},
): Facts {
  const base = facts({ ...SPEC, ...spec });
  const { content, qemu } = base;
  const change = recorded.length === 0 ? undefined : {
    change: "words" as const,
    words: { title: "fans", put: recorded.flatMap(fanWords) },
  };
  const root = change ? applyChange(content.runtime.root, change) : undefined;
  const runtime = root
    ? parseRuntime(formatRuntime(root), content.path)
    : content.runtime;
  const drivers = new Map([
    ...qemu.drivers,
    ...live.map((id) => [id, "usb-fan"] as const),
  ]);
  return {
    ...base,
    content: { ...content, runtime },
    qemu: { ...qemu, drivers, deviceIds: new Set(drivers.keys()) },
    recorded: KINDS.flatMap((kind): readonly RecordedDevice[] =>
      kind.recorded(runtime)
    ),
  };
}

/** The plan as a journal's reader gives it back. */
function readBack(plan: Plan, { paths }: Facts): Plan {
  return checkPlan(JSON.parse(JSON.stringify(plan)), paths, STEPS);
}

/** The instance as its runtime file is after a plan. */
function after(all: Facts, { steps }: Plan) {
  const [stage] = steps;
  if (stage === undefined || !("change" in stage)) throw new Error("no change");
  const change = stage.change as Parameters<typeof applyChange>[1];
  const root = applyChange(all.content.runtime.root, change);
  return parseRuntime(formatRuntime(root), all.content.path);
}

/** The other kinds ask QEMU; of these nothing is compared. */
const kinds = KINDS.map((kind): Kind => ({
  ...kind,
  compare: kind.word === "fan" ? kind.compare : () => Promise.resolve([]),
}));

async function compared(all: Facts) {
  const qmp = { peer: () => ({ pid: all.qemu.process?.pid }) };
  const load = () => Promise.resolve(kinds as typeof OTHERS);
  const given = { ...all, qemu: { ...all.qemu, process: undefined } };
  return await compareWhole(given, qmp as unknown as QmpSession, load);
}

Deno.test("keyOf() and nameOf() take the uuid of an entry, else the id", () => {
  const { recorded } = withFans(["fan-1"]);
  const upper = nic(0, 14, { uuid: uuidOf("nic", 0).toUpperCase() });
  const [one] = facts({ nics: [upper] }).recorded;
  assertEquals(recorded.map(keyOf), [
    uuidOf("disk", 0),
    uuidOf("nic", 0),
    "fan-1",
  ]);
  assertEquals(one && [nameOf(one), keyOf(one)], [
    upper.uuid,
    uuidOf("nic", 0),
  ]);
  const note = { kind: "fan" };
  const [fan] = recorded.slice(-1);
  assertEquals(fan && nameOf(fan), "fan-1");
  assertEquals(fan && noteFor({ devices: { "fan-1": note } }, fan), note);
});

Deno.test("a kind without a list is listed with its status", () => {
  const pending = {
    id: "fan-2",
    requestedAt: "2026-01-01T00:00:00Z",
    title: "fan 1",
  };
  const base = withFans(["fan-1", "fan-2"], { live: ["fan-2", "fan-9"] });
  const devices = { "fan-2": { kind: "fan", pending } };
  const all = {
    ...base,
    own: { ...base.own, record: { ...base.own.record, devices } },
    qemu: { ...base.qemu, more: { rpm: 900 } },
  };
  const listed = listDevices(all.content.runtime, all, {
    paths: all.paths,
    differences: [],
    kinds: KINDS,
  });
  assertEquals(
    listed.map(({ kind, index, uuid, id, status }) => [
      ...[kind, index, uuid !== null, id, status],
    ]),
    [
      ["disk", 0, true, idOf("disk", 0), "ok"],
      ["nic", 0, true, idOf("nic", 0), "ok"],
      ["fan", 0, false, "fan-1", "ok"],
      ["fan", 1, false, "fan-2", "pending-removal"],
      ["fan", null, false, "fan-9", "not-recorded"],
    ],
  );
  assertEquals(listed[2]?.rpm, 900);
  const hint = listed[3]?.differences[0]?.hint ?? "";
  assertStringIncludes(hint, "kvm-hotplug fan remove vm1 fan-2");
});

Deno.test("a kind without a list is compared, and its differences mended", async () => {
  const base = withFans(["fan-1"], { live: ["fan-9"] });
  const devices = { "fan-5": { kind: "fan", invented: true } };
  const all = {
    ...base,
    own: { ...base.own, record: { ...base.own.record, devices } },
  };
  assertEquals((await compared(withFans(["fan-1"]))).differences, []);
  // A note under a device id is about no other device that is plugged.
  const told = (await compared(all)).differences;
  assertEquals(told.map(({ code, device }) => [code, device?.id]), [
    ["not-in-qemu", "fan-1"],
    ["own-record", undefined],
    ["not-recorded", "fan-9"],
  ]);
  assertStringIncludes(
    told[2]?.hint ?? "",
    "kvm-hotplug fan remove vm1 fan-9 --force",
  );
  const lost = { ...all, ...withFans(["fan-1"], { live: [] }), own: all.own };
  const { differences, plan } = await compared(lost);
  assertEquals(differences.map(({ code }) => code), [
    "not-in-qemu",
    "own-record",
  ]);
  const world = {} as World;
  const mended = differences.map(async (one) => {
    const steps = await plan(one, world);
    return steps && stepNames(steps);
  });
  assertEquals(await Promise.all(mended), [
    ["stage-state", "commit-state"],
    ["own-record"],
  ]);
});

Deno.test("a kind without a list is added: its words, its device, its note", () => {
  const all = withFans(["fan-1"]);
  const plan = planFanAdd(all, "fan-2");
  assertEquals(stepNames(plan), [
    "stage-state",
    "device_add",
    "own-record",
    "commit-state",
  ]);
  assertEquals(
    [plan.title, plan.kinds, plan.turn, plan.device?.index],
    ["fan 1", ["fan"], 1, 1],
  );
  assertEquals(readBack(plan, all), plan);
  const { kvmCmd } = after(all, plan);
  assertEquals(kvmCmd.slice(1), [...fanWords("fan-1"), ...fanWords("fan-2")]);
});

Deno.test("a kind without a list is removed by its id, once", () => {
  const all = withFans(["fan-1", "fan-2"]);
  const plan = planFanRemove(all, "fan-1");
  assertEquals(stepNames(plan), ["stage-state", "unplug", "commit-state"]);
  const unplug = plan.steps.find(({ kind }) => kind === "unplug");
  assertEquals({ ...unplug }, {
    kind: "unplug",
    id: "fan-1",
    title: "fan 0",
    runState: "running",
    ledger: { uuid: "fan-1", kind: "fan", note: "pending" },
  });
  assertEquals(readBack(plan, all), plan);
  assertEquals(after(all, plan).kvmCmd.slice(1), fanWords("fan-2"));
  assertEquals(stepNames(planFanRemove(all, "1")), stepNames(plan));

  assertEquals(planFanRemove(all, "fan-7").steps, []);
  const wrong = refusal("no-such-device", () => planFanRemove(all, "7"));
  assertStringIncludes(wrong.message, '"7"');
  const other = refusal(
    "no-such-device",
    () => planFanRemove(all, idOf("disk", 0)),
  );
  assertStringIncludes(other.message, idOf("disk", 0));
});

Deno.test("a stray of a kind without a list goes with what is noted of it", () => {
  const base = withFans([], { live: ["fan-9"] });
  const devices = { "fan-9": { kind: "fan", words: fanWords("fan-9") } };
  const all = {
    ...base,
    own: { ...base.own, record: { ...base.own.record, devices } },
  };
  const plan = planFanRemove(all, "fan-9");
  assertEquals([plan.title, plan.device?.id], ["fan fan-9", "fan-9"]);
  assertEquals(stepNames(plan)[0], "unplug");
  assertEquals(readBack(plan, all), plan);
});

Deno.test("a kind without a list is adopted as words, with its note", () => {
  const all = withFans(["fan-1"], { live: ["fan-1", "fan-2"] });
  const process = { pid: 1, argv: ["/usr/bin/kvm"] };
  const plan = planAdopt({
    facts: { ...all, process, program: "/usr/bin/kvm", places: new Map() },
    kinds: [{
      kind: FAN_KIND,
      adoption: fanAdoption(["fan-1", "fan-2"]),
      uuids: [],
    }],
  });
  assertEquals(stepNames(plan), ["stage-state", "commit-state", "own-record"]);
  assertEquals(plan.adoption?.adopted.map(({ id, uuid }) => [id, uuid]), [
    ["fan-2", null],
  ]);
  assertEquals(readBack(plan, all), plan);
});

Deno.test("what only a prepared VM takes does not make it unsupported", async () => {
  const all = withFans([]);
  const whole = { ...all, confinement: undefined };
  const rules = await FAN_KIND.requirements(whole);
  const kinds = [
    { kind: FAN_KIND, rules },
    ...OTHERS.map((kind) => ({ kind, rules: [] })),
  ];
  const { requirements } = judgeAll(all, kinds);
  const missing = requirements.filter(({ ok, for: words }) =>
    !ok && words.includes("fan")
  );
  assertEquals(missing.map(({ name, for: words }) => [name, words]), [
    ["fan-header", ["fan"]],
  ]);
  // It needs no slot, and no machine with PCI hotplug.
  const needed = requirements.filter((one) => one.for.includes("fan"))
    .map(({ name }) => name);
  assertEquals(needed.includes("run-state"), true);
  assertEquals(needed.includes("free-slot"), false);
  assertEquals(needed.includes("machine-type"), false);
  assertEquals(isSupported(missing, kinds), true);
});
