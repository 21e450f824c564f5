import { assertEquals, assertMatch } from "@std/assert";
import { rowRemarks } from "../../lib/plan/command_words.ts";
import { planVcpuSet } from "../../lib/vcpu/set.ts";
import { refusal } from "../support/facts.ts";
import { type Case, given, words } from "../support/vcpu.ts";

function set(count: number, one: Case) {
  const request = { kind: "vcpu-set", instance: "vm1", count } as const;
  return planVcpuSet(request, given(one));
}

const SOME = {
  has: ["", "vcpu-1", "vcpu-2", null],
  recorded: [...words("vcpu-1", 1), ...words("vcpu-2", 2)],
};

Deno.test("planVcpuSet() tells what there is, and each request whole", () => {
  const { say, parts, ...rest } = set(1, SOME);
  assertEquals(rest, { action: "set", before: 3, remarks: rowRemarks });
  assertEquals(say(1), "1 processor");
  const remove = { kind: "vcpu-remove", instance: "vm1" } as const;
  assertEquals(parts, [
    { request: { ...remove, device: "vcpu-2" }, reached: 2 },
    { request: { ...remove, device: "vcpu-1" }, reached: 1 },
  ]);
});

Deno.test("planVcpuSet() says how many stay", () => {
  const { message, hint } = refusal("unsupported", () =>
    set(1, {
      ...SOME,
      recorded: words("vcpu-1", 1),
    }));
  assertEquals(
    message,
    "The VM cannot have 1 processor: 2 of its 3 cannot be removed",
  );
  assertMatch(hint ?? "", /they stay until the VM ends/);
});

Deno.test("planVcpuSet() needs ACPI and a VM at rest for each change", () => {
  const off = { ...SOME, qemu: { acpi: "off" as const } };
  for (const count of [1, 4]) refusal("unsupported", () => set(count, off));
  // Nothing is to be done: nothing is needed.
  assertEquals(set(3, off).parts, []);
  const moving = { ...SOME, qemu: { migration: "active" } };
  for (const count of [1, 3, 4]) {
    refusal("migrating", () => set(count, moving));
  }
  const needs = ["query-hotpluggable-cpus", "device_add", "device_del"];
  for (const lacking of needs) {
    const commands = new Set(needs.filter((one) => one !== lacking));
    refusal("unsupported", () => set(3, { ...SOME, qemu: { commands } }));
  }
});

Deno.test("planVcpuSet() refuses a processor that is going, unless it may go", () => {
  const pending = {
    id: "vcpu-2",
    requestedAt: "2026-01-01T00:00:00Z",
    title: "vcpu 1",
  };
  const going = { ...SOME, noted: { "vcpu-2": { pending } } };
  const { message } = refusal("refused", () => set(3, going));
  assertMatch(message, /vcpu 1 \(vcpu-2\) is being removed/);
  assertEquals(set(2, going).parts.length, 1);
});
