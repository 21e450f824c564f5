import { assertEquals } from "@std/assert";
import type { Plan } from "../../lib/engine/plan.ts";
import { planVcpuAdd } from "../../lib/vcpu/add.ts";
import { vcpuAdoption } from "../../lib/vcpu/adopt.ts";
import { VCPU_CHANGES } from "../../lib/vcpu/changes.ts";
import { vcpuDifferences } from "../../lib/vcpu/compare.ts";
import { vcpuMend } from "../../lib/vcpu/mend.ts";
import { VCPU } from "../../lib/vcpu/name.ts";
import { isVcpuWords, recordedVcpus } from "../../lib/vcpu/recorded.ts";
import { planVcpuRemove } from "../../lib/vcpu/remove.ts";
import { vcpuRules } from "../../lib/vcpu/rules.ts";
import { planVcpuSet } from "../../lib/vcpu/set.ts";
import { vcpuTotals } from "../../lib/vcpu/view.ts";
import {
  type Case,
  codeOf,
  DRIVER,
  given,
  partsOf,
  steps,
  whole,
  words,
} from "../support/vcpu.ts";

function add(count: number, one: Case) {
  const request = { kind: "vcpu-add", instance: "vm1", count } as const;
  return planVcpuAdd(request, given(one));
}

function set(count: number, one: Case): (string | number)[][] {
  const request = { kind: "vcpu-set", instance: "vm1", count } as const;
  return partsOf(planVcpuSet(request, given(one)));
}

function remove(device: string | undefined, one: Case): Plan {
  const what = device === undefined
    ? { which: "highest" } as const
    : { device };
  return planVcpuRemove(
    { kind: "vcpu-remove", instance: "vm1", ...what },
    given(one),
  );
}

Deno.test("planVcpuAdd() takes the lowest free place, its props whole", () => {
  const plan = add(1, { has: ["", "x", null, null] });
  const [stage, plug, note, commit] = steps(plan);
  assertEquals(
    [stage?.kind, plug?.kind, note?.kind, commit?.kind],
    ["stage-state", "qmp", "own-record", "commit-state"],
  );
  assertEquals(plug?.arguments, {
    ...{ driver: DRIVER, id: "vcpu-2" },
    ...{ "core-id": 2, "thread-id": 0, "socket-id": 0 },
  });
  assertEquals(plug?.undo, {
    ...{ execute: "device_del", arguments: { id: "vcpu-2" } },
  });
  assertEquals(stage?.change, {
    change: "words",
    words: {
      title: "vcpu-2",
      put: [
        "-device",
        `${DRIVER},id=vcpu-2,socket-id=0,core-id=2,thread-id=0`,
      ],
    },
  });
});

Deno.test("planVcpuAdd() chooses ids that nothing has, in a row one by one", () => {
  const taken = { has: ["", null, null, "vcpu-1"] };
  assertEquals(partsOf(add(2, taken)), [
    ["vcpu-add", "vcpu-2", 3],
    ["vcpu-add", "vcpu-3", 4],
  ]);
});

Deno.test("planVcpuAdd() refuses what cannot be", () => {
  const room = { has: ["", null] };
  const of = (one: Partial<Case>) => codeOf(() => add(1, { ...room, ...one }));
  assertEquals(codeOf(() => add(2, room)), "unsupported");
  assertEquals(of({ has: [""] }), "unsupported");
  assertEquals(of({ has: [] }), "unsupported");
  assertEquals(of({ qemu: { acpi: "off" } }), "unsupported");
  assertEquals(of({ hvparams: { acpi: false } }), "unsupported");
  assertEquals(of({ qemu: { machine: "virt-7.2" } }), "unsupported");
  assertEquals(of({ qemu: { migration: "active" } }), "migrating");
  assertEquals(of({ qemu: { runState: "shutdown" } }), "refused");
  const commands = new Set(["device_add", "device_del"]);
  assertEquals(of({ qemu: { commands } }), "unsupported");
});

Deno.test("planVcpuAdd() refuses a decided place that is not free any more", () => {
  const chosen = { place: "socket-id=0,core-id=1,thread-id=0", id: "vcpu-1" };
  const request = { kind: "vcpu-add", instance: "vm1", count: 1, chosen };
  const plan = (has: Case["has"]) =>
    planVcpuAdd(request as Parameters<typeof planVcpuAdd>[0], given({ has }));
  assertEquals(steps(plan(["", null, null])).length, 4);
  assertEquals(codeOf(() => plan(["", "y", null])), "refused");
});

Deno.test("vcpuRules() propose room that the topology allows", () => {
  const start = (...smp: string[]) =>
    vcpuRules(given({ has: ["", ""], recorded: smp }))
      .flatMap(({ start = [] }) => start);
  assertEquals(start(), [{ option: "smp", value: "maxcpus=8" }]);
  assertEquals(start("-smp", "2,cores=3"), [
    { option: "smp", value: "maxcpus=9" },
  ]);
  assertEquals(start("-smp", "2,sockets=1,cores=2,threads=1"), []);
});

Deno.test("planVcpuSet() makes as few changes as it takes", () => {
  const some = {
    has: ["", "vcpu-1", null, "z", null],
    recorded: [...words("z", 3), ...words("vcpu-1", 1)],
  };
  assertEquals(set(3, some), []);
  assertEquals(set(5, some), [
    ["vcpu-add", "vcpu-2", 4],
    ["vcpu-add", "vcpu-4", 5],
  ]);
  assertEquals(set(2, some), [["vcpu-remove", "z", 2]]);
  assertEquals(set(1, some), [
    ["vcpu-remove", "z", 2],
    ["vcpu-remove", "vcpu-1", 1],
  ]);
  assertEquals(codeOf(() => set(6, some)), "unsupported");
  const fixed = { ...some, has: ["", "", null] };
  assertEquals(codeOf(() => set(1, fixed)), "unsupported");
  // One that nobody recorded stays, too.
  const stray = { has: ["", "vcpu-1"] };
  assertEquals(codeOf(() => set(1, stray)), "unsupported");
});

Deno.test("planVcpuSet() begins with what the guest was asked for", () => {
  const pending = {
    id: "vcpu-1",
    requestedAt: "2026-01-01T00:00:00Z",
    title: "vcpu 0",
  };
  const some = {
    has: ["", "vcpu-1", "vcpu-2", null],
    recorded: [...words("vcpu-1", 1), ...words("vcpu-2", 2)],
    noted: { "vcpu-1": { pending } },
  };
  assertEquals(set(2, some), [["vcpu-remove", "vcpu-1", 2]]);
  assertEquals(codeOf(() => set(3, some)), "refused");
  assertEquals(codeOf(() => set(4, some)), "refused");
});

Deno.test("planVcpuRemove() takes the highest, and its words alone", () => {
  const some = {
    has: ["", "vcpu-1", "vcpu-2"],
    recorded: [...words("vcpu-2", 2), ...words("vcpu-1", 1)],
    noted: { "vcpu-2": { words: words("vcpu-2", 2) } },
  };
  const [stage, unplug, forget, commit] = steps(remove(undefined, some));
  assertEquals(stage?.change, {
    change: "words",
    words: { title: "vcpu-2", take: words("vcpu-2", 2) },
  });
  assertEquals([unplug?.kind, unplug?.id], ["unplug", "vcpu-2"]);
  assertEquals(unplug?.ending, VCPU.ending("vcpu-2"));
  assertEquals([forget?.kind, commit?.kind], ["own-record", "commit-state"]);
});

Deno.test("planVcpuRemove() refuses what cannot go", () => {
  const fixed = { has: ["", null] };
  assertEquals(codeOf(() => remove(undefined, fixed)), "unsupported");
  assertEquals(codeOf(() => remove("x", fixed)), "no-such-device");
  assertEquals(steps(remove("vcpu-7", fixed)), []);
  const stray = { has: ["", "vcpu-1"] };
  assertEquals(codeOf(() => remove("vcpu-1", stray)), "refused");
  const off = { qemu: { acpi: "off" }, ...stray };
  assertEquals(codeOf(() => remove("vcpu-1", off)), "unsupported");
});

Deno.test("vcpuDifferences() tells of words without a processor, and mends ours", () => {
  const gone = { has: [""], recorded: words("vcpu-1", 1) };
  const [foreign] = vcpuDifferences(whole(gone));
  assertEquals([foreign?.code, foreign?.mend], ["not-in-qemu", undefined]);
  const ours = { ...gone, noted: { "vcpu-1": { words: words("vcpu-1", 1) } } };
  const [mine] = vcpuDifferences(whole(ours));
  assertEquals(mine?.mend?.word, "remove");
  const plan = mine && vcpuMend(whole(ours), mine);
  assertEquals(
    plan?.steps.map(({ kind }) => kind),
    ["stage-state", "own-record", "commit-state"],
  );
});

Deno.test("vcpuDifferences() tells of a note of what is nowhere, and mends it", () => {
  const noted = { "vcpu-1": { words: words("vcpu-1", 1) } };
  const lost = { has: ["", null], noted };
  const found = vcpuDifferences(whole(lost));
  assertEquals(found.map(({ code }) => code), ["own-record"]);
  const plans = found.map((one) => vcpuMend(whole(lost), one));
  assertEquals(plans.flatMap((one) => one?.steps ?? []).length, 1);
  const there = { has: ["", "vcpu-1"], noted };
  assertEquals(vcpuDifferences(whole(there)), []);
});

Deno.test("vcpuDifferences() tells of another place, and mends it", () => {
  const other = { has: ["", null, "vcpu-1"], recorded: words("vcpu-1", 1) };
  const found = vcpuDifferences(whole(other));
  assertEquals(found.map(({ code }) => code), ["place"]);
  const [stage] = found.flatMap((one) =>
    vcpuMend(whole(other), one)?.steps ?? []
  ) as unknown as { change: { words: { put: string[] } } }[];
  assertEquals(stage?.change.words.put, [
    "-device",
    `${DRIVER},id=vcpu-1,socket-id=0,core-id=2,thread-id=0`,
  ]);
  const same = { ...other, has: ["", "vcpu-1"] };
  assertEquals(vcpuDifferences(whole(same)), []);
});

Deno.test("VCPU.strays() and adopt find what nobody recorded", () => {
  const one = given({ has: ["", "a", "b"], recorded: words("a", 1) });
  assertEquals(
    VCPU.strays(one.qemu, new Set(["a"])).map(({ id, origin }) => [id, origin]),
    [["b", "plugged"]],
  );
  const found = vcpuAdoption(one);
  const judge = found.judge as (facts: unknown) => ReturnType<
    typeof found.judge
  >;
  const [known, fresh] = judge(one);
  assertEquals(known, undefined);
  assertEquals(fresh && "change" in fresh && fresh.change, {
    change: "words",
    words: {
      title: "b",
      put: ["-device", `${DRIVER},id=b,socket-id=0,core-id=2,thread-id=0`],
    },
  });
});

Deno.test("vcpuTotals() counts those of QEMU, else those of a start", () => {
  const { content: { runtime }, qemu } = given({
    has: ["", "a", null],
    recorded: [...words("a", 1), "-device", `${DRIVER},core-id=3`],
  });
  assertEquals(vcpuTotals(runtime, qemu), { vcpus: 2 });
  assertEquals(vcpuTotals(runtime, undefined), { vcpus: 3 });
  assertEquals(vcpuTotals({ kvmCmd: ["kvm"] }, undefined), { vcpus: null });
});

Deno.test("recordedVcpus() reads foreign words, and those with an id alone", () => {
  const runtime = given({
    has: [""],
    recorded: [
      ...["--device", "host-x86_64-cpu,core-id=1,id=mine,socket-id=0"],
      ...["-device", "host-x86_64-cpu,core-id=2"],
      ...["-device", "virtio-balloon,id=b"],
    ],
  }).content.runtime;
  assertEquals(recordedVcpus(runtime), [{
    kind: "vcpu",
    index: 0,
    hvinfo: { driver: "host-x86_64-cpu", id: "mine" },
    props: { "core-id": 1, "socket-id": 0 },
    words: ["--device", "host-x86_64-cpu,core-id=1,id=mine,socket-id=0"],
  }]);
});

Deno.test("isVcpuWords() takes words of processors and no others", () => {
  assertEquals(isVcpuWords(words("vcpu-1", 1)), true);
  assertEquals(isVcpuWords([...words("a", 1), ...words("b", 2)]), true);
  assertEquals(isVcpuWords(["-device", "virtio-balloon,id=b"]), false);
  assertEquals(isVcpuWords([...words("a", 1), "-S"]), false);
  assertEquals(isVcpuWords("x"), false);
});

Deno.test("a plan may hold device_add of processors, undone as they go", () => {
  const table = VCPU_CHANGES.commands?.device_add;
  const args = { driver: DRIVER, id: "vcpu-1", "core-id": 1 };
  assertEquals(table?.takes(args), true);
  assertEquals(table?.takes({ ...args, driver: "virtio-blk-pci" }), false);
  assertEquals(table?.takes({ ...args, "core-id": "1" }), false);
  assertEquals(table?.takes({ ...args, romfile: "" }), false);
  assertEquals(table?.ending?.(args), VCPU.ending("vcpu-1"));
});
