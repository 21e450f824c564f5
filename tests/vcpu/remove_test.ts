import { assertEquals, assertMatch } from "@std/assert";
import { planVcpuRemove } from "../../lib/vcpu/remove.ts";
import type { VcpuRemove } from "../../lib/vcpu/request.ts";
import { refusal } from "../support/facts.ts";
import { type Case, given, words } from "../support/vcpu.ts";

type What =
  | { device: string; unrecorded?: VcpuRemove["unrecorded"] }
  | { which: "highest" };

function remove(what: What, one: Case) {
  const about = { kind: "vcpu-remove", instance: "vm1" } as const;
  return planVcpuRemove({ ...about, ...what } as VcpuRemove, given(one));
}

const HIGHEST = { which: "highest" } as const;

Deno.test("planVcpuRemove() takes out a processor that nothing records, by force", () => {
  const stray = { has: ["", "vcpu-1"] };
  refusal("refused", () => remove({ device: "vcpu-1" }, stray));
  const { steps } = remove({ device: "vcpu-1", unrecorded: "forced" }, stray);
  assertEquals(steps.map(({ kind }) => kind), ["unplug"]);
});

Deno.test("planVcpuRemove() asks again for what the guest has not released", () => {
  const pending = {
    id: "vcpu-1",
    requestedAt: "2026-01-01T00:00:00Z",
    title: "vcpu 0",
  };
  const recorded = [...words("vcpu-1", 1), ...words("vcpu-2", 2)];
  const some = { has: ["", "vcpu-1", "vcpu-2"], recorded };
  const going = { ...some, noted: { "vcpu-1": { pending } } };
  assertEquals(remove(HIGHEST, some).device?.id, "vcpu-2");
  assertEquals(remove(HIGHEST, going).device?.id, "vcpu-1");
  // Words of a processor that QEMU lacks do not count.
  const lost = { ...some, has: ["", "vcpu-1", null] };
  assertEquals(remove(HIGHEST, lost).device?.id, "vcpu-1");
});

Deno.test("planVcpuRemove() says that no processor can go", () => {
  const { message, hint } = refusal(
    "unsupported",
    () => remove(HIGHEST, { has: ["", "", null] }),
  );
  assertEquals(
    message,
    "No processor can be removed: the VM has 2 processors, and the runtime file records none that was added",
  );
  assertMatch(hint ?? "", /stay until the VM ends/);
});

Deno.test("planVcpuRemove() needs ACPI, two commands and a VM at rest", () => {
  const some = { has: ["", "vcpu-1"], recorded: words("vcpu-1", 1) };
  const code = (
    one: "unsupported" | "migrating" | "refused",
    qemu: Case["qemu"] & object,
  ) => refusal(one, () => remove(HIGHEST, { ...some, qemu })).message;
  assertMatch(code("unsupported", { acpi: "off" }), /processors needs ACPI/);
  // The state of the VM is said first.
  code("migrating", { acpi: "off", migration: "active" });
  code("refused", { runState: "shutdown" });
  const needs = ["query-hotpluggable-cpus", "device_del"];
  for (const lacking of needs) {
    const commands = new Set(needs.filter((one) => one !== lacking));
    assertMatch(code("unsupported", { commands }), new RegExp(lacking));
  }
});
