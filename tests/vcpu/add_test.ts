import { assertEquals, assertMatch } from "@std/assert";
import { rowRemarks } from "../../lib/plan/command_words.ts";
import type { VcpuAdd } from "../../lib/vcpu/request.ts";
import { planVcpuAdd } from "../../lib/vcpu/add.ts";
import { present, refusal } from "../support/facts.ts";
import { type Case, DRIVER, given, words } from "../support/vcpu.ts";

const ABOUT = { kind: "vcpu-add", instance: "vm1" } as const;

function add(count: number, one: Case) {
  return planVcpuAdd({ ...ABOUT, count }, given(one));
}

function plan(one: Case, chosen?: VcpuAdd["chosen"]) {
  const request = { ...ABOUT, count: 1, ...(chosen && { chosen }) };
  const made = planVcpuAdd(request, given(one));
  if ("parts" in made) throw new TypeError("a row");
  return made;
}

Deno.test("planVcpuAdd() decides each place and id of a row", () => {
  const row = add(2, { has: ["", null, "b", null] });
  if (!("parts" in row)) throw new TypeError("a plan");
  const { parts, say, ...rest } = row;
  assertEquals(rest, { action: "add", before: 2, remarks: rowRemarks });
  const place = (core: number) => `socket-id=0,core-id=${core},thread-id=0`;
  const one = { ...ABOUT, count: 1 };
  assertEquals(parts, [
    {
      request: { ...one, chosen: { place: place(1), id: "vcpu-1" } },
      reached: 3,
    },
    {
      request: { ...one, chosen: { place: place(3), id: "vcpu-3" } },
      reached: 4,
    },
  ]);
  assertEquals([1, 2, 0].map(say), [
    ...["1 processor", "2 processors", "0 processors"],
  ]);
});

Deno.test("planVcpuAdd() gives no id that the file alone has", () => {
  const lost = { has: ["", null], recorded: words("vcpu-1", 5) };
  assertEquals(plan(lost).device?.id, "vcpu-2");
});

Deno.test("planVcpuAdd() tells of the new processor", () => {
  const { action, instance, title, kinds, device, warnings, done = [] } = plan({
    has: ["", "a", null],
    recorded: words("a", 1),
  });
  assertEquals([action, instance, title, kinds], [
    ...["add", "vm1", "vcpu 1", ["vcpu"]],
  ]);
  const { kind, index, id, driver, socket, core, thread } = present(
    device ?? undefined,
  );
  assertEquals(
    [kind, index, id, driver, socket, core, thread],
    ["vcpu", 1, "vcpu-2", DRIVER, 0, 2, 0],
  );
  assertEquals([warnings, done.map(({ code }) => code)], [
    ...[[], ["guest-brings-online"]],
  ]);
  assertMatch(done[0]?.hint ?? "", /cpu\*\/online; do echo 1 > /);
});

Deno.test("planVcpuAdd() refuses a decided id that is taken meanwhile", () => {
  const chosen = { place: "socket-id=0,core-id=1,thread-id=0", id: "vcpu-1" };
  const taken = { deviceIds: new Set(["vcpu-1"]) };
  const { message } = refusal(
    "duplicate",
    () => plan({ has: ["", null], qemu: taken }, chosen),
  );
  assertMatch(message, /already has a device vcpu-1/);
});

Deno.test("planVcpuAdd() asks for each command that it needs", () => {
  const needs = ["query-hotpluggable-cpus", "device_add", "device_del"];
  for (const lacking of needs) {
    const commands = new Set(needs.filter((one) => one !== lacking));
    const { message } = refusal(
      "unsupported",
      () => add(1, { has: ["", null], qemu: { commands } }),
    );
    assertEquals(message, `This QEMU's monitor lacks ${lacking}`);
  }
});
