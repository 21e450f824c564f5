import { assertEquals } from "@std/assert";
import { VCPU_CHANGES } from "../../lib/vcpu/changes.ts";
import { VCPU_KIND } from "../../lib/vcpu/kind.ts";
import type { VcpuRequest } from "../../lib/vcpu/request.ts";
import { vcpuView } from "../../lib/vcpu/view.ts";
import { DRIVER, given, whole, words } from "../support/vcpu.ts";

Deno.test("VCPU_CHANGES.prepare() plans each request", async () => {
  const one = given({
    has: ["", "vcpu-1", null],
    recorded: words("vcpu-1", 1),
  });
  const about = { instance: "vm1" };
  const requests: VcpuRequest[] = [
    { kind: "vcpu-add", ...about, count: 1 },
    { kind: "vcpu-remove", ...about, which: "highest" },
    { kind: "vcpu-set", ...about, count: 2 },
  ];
  const actions = await Promise.all(requests.map(async (request) => {
    const planner = await VCPU_CHANGES.prepare(request, one, {} as never);
    return (await planner(one)).action;
  }));
  assertEquals(actions, ["add", "remove", "set"]);
  assertEquals(VCPU_CHANGES.finish("vm1", "vcpu-1"), {
    ...{ kind: "vcpu-remove", instance: "vm1", device: "vcpu-1" },
  });
});

Deno.test("a plan may hold places up to QEMU's largest number", () => {
  const takes = (id: number) =>
    VCPU_CHANGES.commands?.device_add?.takes({
      ...{ driver: DRIVER, id: "vcpu-1", "core-id": id },
    });
  assertEquals([0, 2 ** 31 - 1].map(takes), [true, true]);
  assertEquals([-1, 2 ** 31, 0.5].map(takes), [false, false, false]);
});

Deno.test("VCPU_KIND takes a note of words, and tells its rules", async () => {
  const note = { kind: "vcpu", words: words("a", 1) };
  assertEquals(VCPU_KIND.record(note), true);
  assertEquals(VCPU_KIND.record({ ...note, kind: "memory" }), false);
  assertEquals(VCPU_KIND.record({ kind: "vcpu", words: [1] }), false);
  const one = whole({ has: ["", null] });
  const rules = await VCPU_KIND.requirements(one);
  assertEquals(rules.map(({ name }) => name).at(-1), "maxcpus");
});

Deno.test("vcpuView() has null for levels that a place lacks", () => {
  const vcpu = { kind: "vcpu", index: 2, hvinfo: { driver: DRIVER, id: "a" } };
  const view = vcpuView(
    { ...vcpu, props: { "core-id": 1 } } as Parameters<
      typeof vcpuView
    >[0],
  );
  const { kind, index, id, socket, core, thread } = view;
  assertEquals([kind, index, id, socket, core, thread], [
    ...["vcpu", 2, "a", null, 1, null],
  ]);
});
