import { assertEquals, assertMatch } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { vcpuDetails, vcpuTotal } from "../../lib/vcpu/details.ts";
import { VCPU_COMMANDS, VCPU_NAME, vcpuRequest } from "../../lib/vcpu/words.ts";
import { refusal } from "../support/facts.ts";

function request(...words: string[]) {
  return vcpuRequest(parseInvocation(words), "vm1");
}

function refused(...words: string[]) {
  return refusal("usage", () => request(...words));
}

Deno.test("vcpuRequest() makes the request of each command", () => {
  const about = { instance: "vm1" };
  assertEquals(request("vcpu", "add", "vm1"), {
    ...{ kind: "vcpu-add", ...about, count: 1 },
  });
  assertEquals(request("vcpu", "add", "vm1", "65535"), {
    ...{ kind: "vcpu-add", ...about, count: 65_535 },
  });
  assertEquals(request("vcpu", "set", "vm1", "3"), {
    ...{ kind: "vcpu-set", ...about, count: 3 },
  });
  assertEquals(request("vcpu", "remove", "vm1"), {
    ...{ kind: "vcpu-remove", ...about, which: "highest" },
  });
  assertEquals(request("vcpu", "remove", "vm1", "vcpu-3"), {
    ...{ kind: "vcpu-remove", ...about, device: "vcpu-3" },
  });
  assertEquals(request("vcpu", "remove", "vm1", "vcpu-3", "--force"), {
    ...{ kind: "vcpu-remove", ...about, device: "vcpu-3" },
    unrecorded: "forced",
  });
  assertEquals(request("disk", "remove", "vm1", "0"), undefined);
});

Deno.test("vcpuRequest() refuses a COUNT that no VM has", () => {
  for (const verb of ["add", "set"]) {
    for (const count of ["0", "65536", "x", "1.5", ""]) {
      assertMatch(refused("vcpu", verb, "vm1", count).message, /COUNT/);
    }
  }
});

Deno.test("vcpuRequest() refuses a number in place of an id", () => {
  const { message, hint } = refused("vcpu", "remove", "vm1", "2");
  assertMatch(message, /VCPU must be a device id such as vcpu-1: it is "2"/);
  assertMatch(hint ?? "", /vcpu set/);
});

Deno.test("VCPU_COMMANDS have the options that vcpuRequest() reads", () => {
  const told = VCPU_COMMANDS.map(({ name, options }) => [
    name,
    ...options.map((one) => one.name),
  ]);
  assertEquals(told, [
    ["vcpu add", "dry-run"],
    ["vcpu remove", "dry-run", "force"],
    ["vcpu set", "dry-run"],
  ]);
  const kvmCmd = ["kvm", "-device", "host-x86_64-cpu,id=a,core-id=1"];
  assertEquals(VCPU_NAME.recorded({ kvmCmd }).length, 1);
});

Deno.test("vcpuDetails() tells the place and the driver", () => {
  const view = { socket: 0, core: 3, thread: 1, driver: "host-x86_64-cpu" };
  const details = (one: object) =>
    vcpuDetails(one as Parameters<typeof vcpuDetails>[0]);
  assertEquals(details(view), [
    ...["socket 0", "core 3", "thread 1", "host-x86_64-cpu"],
  ]);
  assertEquals(details({ ...view, core: null }), [
    ...["socket 0", false, "thread 1", "host-x86_64-cpu"],
  ]);
});

Deno.test("vcpuTotal() says how many there are, if that is known", () => {
  assertEquals([{ vcpus: 1 }, { vcpus: 3 }].map(vcpuTotal), [
    ...["1 processor", "3 processors"],
  ]);
  assertEquals(vcpuTotal({ vcpus: null }), undefined);
});
